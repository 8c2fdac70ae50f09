"""Converters of the layers that move a window over a picture."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from convert.axes import to_source_order
from convert.caffe.converters import volumes
from convert.caffe.file.schema import enum_name
from convert.caffe.geometry import Window, convolution_window, pooling_window, pyramid_windows
from convert.caffe.registry import Step, converts
from convert.caffe.shape_rules.windows import DEPTHWISE, convolution_groups, rounds_down, upsample_factors
from convert.caffe.shapes import known
from layers import (
    BilinearUpSampling2D,
    PaddedAveragePooling2D,
    PaddedConv2DTranspose,
    PaddedMaxPooling2D,
    PositionUnpooling2D,
    conv2d,
)


@converts("Convolution", *DEPTHWISE)
def convolution(step: Step, x: KerasTensor) -> KerasTensor:
    """Convolve with symmetric zero padding.

    What Keras cannot do, strides in a dilated convolution, is done after it: only every n-th pixel is kept.
    """
    if len(x.shape) == 5:
        return volumes.convolution(step, x)
    parameter, window = step.layer.convolution_param, convolution_window(step.layer.convolution_param)
    same = all(2 * window.padding[axis] == window.extent(axis) - 1 for axis in (0, 1))
    keep_same = same and window.stride == (1, 1)
    if not keep_same and any(window.padding):
        x = ops.pad(x, ((0, 0), *((pad, pad) for pad in window.padding), (0, 0)))
    dilated_strides = window.dilation != (1, 1) and window.stride != (1, 1)
    kernel, *bias = step.weights
    y = step.apply(
        conv2d,
        x,
        [kernel.transpose(2, 3, 1, 0), *bias],
        filters=parameter.num_output,
        kernel_size=window.kernel,
        strides=1 if dilated_strides else window.stride,
        padding="same" if keep_same else "valid",
        dilation_rate=window.dilation,
        groups=convolution_groups(step.layer, step.shapes.bottoms[0]),
        use_bias=parameter.bias_term,
        kernel_initializer="zeros",
    )
    return y[:, :: window.stride[0], :: window.stride[1], :] if dilated_strides else y


@converts("Deconvolution")
def deconvolution(step: Step, x: KerasTensor) -> KerasTensor:
    """Convolve the other way round."""
    if len(x.shape) == 5:
        return volumes.deconvolution(step, x)
    parameter, window = step.layer.convolution_param, convolution_window(step.layer.convolution_param)
    kernel, *bias = step.weights
    return step.apply(
        PaddedConv2DTranspose,
        x,
        [kernel.transpose(2, 3, 1, 0), *bias],
        filters=parameter.num_output,
        kernel_size=window.kernel,
        strides=window.stride,
        padding=window.padding,
        dilation_rate=window.dilation,
        groups=parameter.group,
        use_bias=parameter.bias_term,
    )


@converts("Pooling")
def pooling(step: Step, x: KerasTensor) -> Any:
    """Pool by Caffe's rules; global pooling keeps height and width as axes of size 1."""
    parameter = step.layer.pooling_param
    if len(x.shape) == 5:
        return volumes.pooling(step, x)
    is_max = enum_name(parameter, "pool") == "MAX"
    if parameter.global_pooling and len(step.layer.top) == 1:
        pool = keras.layers.GlobalMaxPooling2D if is_max else keras.layers.GlobalAveragePooling2D
        return step.apply(pool, x, keepdims=True)
    window = pooling_window(parameter, step.shapes.bottoms[0][2:])
    config: dict[str, Any] = {
        "pool_size": window.kernel,
        "strides": window.stride,
        "padding": window.padding,
        "ceil_mode": not rounds_down(parameter),
    }
    if len(step.layer.top) == 2:
        pooled, indices = step.apply(PaddedMaxPooling2D, x, return_indices=True, **config)
        return [pooled, _positions(step, indices, window)]
    return step.apply(PaddedMaxPooling2D if is_max else PaddedAveragePooling2D, x, **config)


@converts("SPP")
def pyramid(step: Step, x: KerasTensor) -> KerasTensor:
    """Pool with ever more windows, and put all numbers in a row, each pooling's in Caffe's order."""
    parameter, (height, width) = step.layer.spp_param, map(known, step.shapes.bottoms[0][2:])
    make = PaddedMaxPooling2D if enum_name(parameter, "pool") == "MAX" else PaddedAveragePooling2D
    pooled = [
        step.apply(make, x, pool_size=window.kernel, strides=window.stride, padding=window.padding, ceil_mode=True)
        for window in pyramid_windows(parameter.pyramid_height, (height, width))
    ]
    if len(pooled) == 1:
        return pooled[0]
    return ops.concatenate([keras.layers.Flatten()(to_source_order(y)) for y in pooled], axis=1)


def _positions(step: Step, indices: KerasTensor, window: Window) -> KerasTensor:
    """Turn offsets inside the windows into Caffe's mask: row * width + column in the whole picture."""
    width, kernel_width = known(step.shapes.bottoms[0][3]), window.kernel[1]
    (down, right), (top, left) = window.stride, window.padding
    rows, columns = map(known, step.shapes.tops[0][2:])
    # Row and column in the picture of the first pixel of each window; the layer's offsets count from there.
    corners = (np.arange(rows)[:, None] * down - top) * width + (np.arange(columns) * right - left)
    offsets = indices // kernel_width * width + indices % kernel_width
    # Not ops.add: see converters.weighted.bias.
    return ops.cast(ops.subtract(offsets, -corners[:, :, None]), "float32")


@converts("Upsample")
def upsample(step: Step, x: KerasTensor, mask: KerasTensor | None = None) -> KerasTensor:
    """Repeat every pixel, or with a pooling's mask put it where the mask says, among zeros."""
    if mask is not None:
        return step.apply(PositionUnpooling2D, [x, mask], size=step.shapes.tops[0][2:])
    return step.apply(keras.layers.UpSampling2D, x, size=upsample_factors(step.layer.upsample_param))


@converts("Unpooling")
def unpooling(step: Step, x: KerasTensor, mask: KerasTensor) -> KerasTensor:
    """Put every maximum where the mask says, among zeros."""
    return step.apply(PositionUnpooling2D, [x, mask], size=step.shapes.tops[0][2:])


@converts("Im2col")
def windows_as_channels(step: Step, x: KerasTensor) -> KerasTensor:
    """Put the numbers of each window in a row: channel by channel, row by row."""
    window, channels = convolution_window(step.layer.convolution_param), x.shape[-1]
    x = ops.pad(x, ((0, 0), *((pad, pad) for pad in window.padding), (0, 0)))
    rows, columns = ([_positions_of(window, axis, i) for i in range(window.kernel[axis])] for axis in (0, 1))
    parts = ops.concatenate([x[:, row, column, :] for row in rows for column in columns], axis=-1)
    return ops.take(parts, np.arange(parts.shape[-1]).reshape(-1, channels).T.ravel(), axis=-1)


def _positions_of(window: Window, axis: int, index: int) -> slice:
    """Return where the pixel `index` of a window stands along an axis, for all places of the window."""
    first, last = window.dilation[axis] * index, window.extent(axis) - 1
    return slice(first, first - last or None, window.stride[axis])


@converts("Interp")
def interp(step: Step, x: KerasTensor) -> KerasTensor:
    """Mix neighbours, the corners aligned."""
    parameter = step.layer.interp_param
    start, end = -parameter.pad_beg, parameter.pad_end or None
    if start or end:
        x = x[:, start:end, start:end, :]
    return step.apply(BilinearUpSampling2D, x, output_size=step.shapes.tops[0][2:])
