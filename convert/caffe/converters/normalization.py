"""Converters of the layers that normalise."""

from __future__ import annotations

import keras
from keras import KerasTensor, ops

from convert.axes import keras_axis
from convert.caffe.file.schema import enum_name
from convert.caffe.registry import Step, converts
from convert.caffe.shapes import canonical_axis
from layers import LocalResponseNormalization


@converts("LRN")
def lrn(step: Step, x: KerasTensor) -> KerasTensor:
    """Divide by the neighbours' mean square; `k` counts across channels only."""
    parameter = step.layer.lrn_param
    return step.apply(
        LocalResponseNormalization,
        x,
        size=parameter.local_size,
        alpha=parameter.alpha,
        beta=parameter.beta,
        k=parameter.k,
        across_channels=enum_name(parameter, "norm_region") == "ACROSS_CHANNELS",
    )


@converts("MVN")
def mvn(step: Step, x: KerasTensor) -> KerasTensor:
    """Subtract the mean of each channel (or picture) and divide by the standard deviation plus eps."""
    parameter = step.layer.mvn_param
    for _ in range(4 - len(x.shape)):
        x = ops.expand_dims(x, -1)
    if len(step.shapes.bottoms[0]) < 4:
        x = ops.transpose(x, (0, 2, 3, 1))
    axes = (1, 2, 3) if parameter.across_channels else (1, 2)
    centred = x - ops.mean(x, axis=axes, keepdims=True)
    if not parameter.normalize_variance:
        return centred
    variance = ops.mean(ops.square(centred), axis=axes, keepdims=True)
    return centred / (ops.sqrt(variance) + parameter.eps)


@converts("Softmax")
def softmax(step: Step, x: KerasTensor) -> KerasTensor:
    """Make probabilities along one axis."""
    axis = canonical_axis(step.layer.softmax_param.axis, step.shapes.bottoms[0])
    return step.apply(keras.layers.Softmax, x, axis=keras_axis(axis, len(x.shape)))
