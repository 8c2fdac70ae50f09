"""Converters of the layers of FlowNet and DispNet: correlations, pictures moved by a flow, resizing."""

from __future__ import annotations

from keras import KerasTensor, ops

from convert.caffe.file.schema import enum_name
from convert.caffe.registry import Step, converts
from convert.caffe.shape_rules.optical_flow import paddings_and_borders, shifts
from layers import Correlation2D, FilteredResizing2D, FlowWarping2D


@converts("Correlation", "Correlation1D")
def correlation(step: Step, first: KerasTensor, second: KerasTensor) -> KerasTensor:
    """Multiply the pixels around each place with those of the other picture, shifted, and take the mean."""
    parameter = step.layer.correlation_param
    rows, columns = shifts(step.layer)
    padding, border = paddings_and_borders(step.layer)
    return step.apply(
        Correlation2D,
        [first, second],
        row_shifts=list(rows),
        column_shifts=list(columns),
        kernel_size=parameter.kernel_size,
        strides=parameter.stride_1,
        padding=padding,
        border=border,
        difference=enum_name(parameter, "correlation_type") == "SUBTRACT",
    )


@converts("FlowWarp")
def flow_warp(step: Step, pictures: KerasTensor, flows: KerasTensor) -> KerasTensor:
    """Take each pixel from where the flow points to."""
    return step.apply(FlowWarping2D, [pictures, flows])


@converts("ChannelNorm")
def channel_norm(_step: Step, x: KerasTensor) -> KerasTensor:
    """Compute the root of the sum of the channels' squares."""
    return ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True))


@converts("Resample")
def resample(step: Step, x: KerasTensor, _like: KerasTensor | None = None) -> KerasTensor:
    """Resize with a filter."""
    parameter = step.layer.resample_param
    return step.apply(
        FilteredResizing2D,
        x,
        output_size=step.shapes.tops[0][2:],
        filter=enum_name(parameter, "type").lower(),
        antialias=parameter.antialias,
    )
