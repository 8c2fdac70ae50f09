"""Convolutions and poolings of volumes (time, height, width): C3D's layers, and BVLC's where blobs have five axes."""

from __future__ import annotations

import keras
from keras import KerasTensor, ops

from convert.caffe.file.schema import enum_name
from convert.caffe.geometry import convolution_window, pooling_window
from convert.caffe.registry import Step
from convert.caffe.shape_rules.windows import convolution_groups, rounds_down
from convert.volumes import along_time, over_pictures, with_ends
from layers import ElementwiseAffine, PaddedAveragePooling2D, PaddedMaxPooling2D

# Kernel, stride and padding of a pooling that changes nothing.
UNMOVED = (1, 1, 0)


def convolution(step: Step, x: KerasTensor) -> KerasTensor:
    """Convolve with symmetric zero padding; strides in a dilated convolution are done after it."""
    parameter, window = step.layer.convolution_param, convolution_window(step.layer.convolution_param, 3)
    if any(window.padding):
        x = keras.layers.ZeroPadding3D(window.padding)(x)
    dilated_strides = max(window.dilation) > 1 and max(window.stride) > 1
    kernel, *bias = step.weights
    y = step.apply(
        keras.layers.Conv3D,
        x,
        [kernel.transpose(2, 3, 4, 1, 0), *bias],
        filters=parameter.num_output,
        kernel_size=window.kernel,
        strides=1 if dilated_strides else window.stride,
        dilation_rate=window.dilation,
        groups=convolution_groups(step.layer, step.shapes.bottoms[0]),
        use_bias=parameter.bias_term,
        kernel_initializer="zeros",
    )
    time, down, right = window.stride
    return y[:, ::time, ::down, ::right, :] if dilated_strides else y


def deconvolution(step: Step, x: KerasTensor) -> KerasTensor:
    """Convolve the other way round: all of it, of which the padding is cut off."""
    parameter, window = step.layer.convolution_param, convolution_window(step.layer.convolution_param, 3)
    kernel, *bias = step.weights
    y = step.apply(
        keras.layers.Conv3DTranspose,
        x,
        [kernel.transpose(2, 3, 4, 1, 0)],
        filters=parameter.num_output,
        kernel_size=window.kernel,
        strides=window.stride,
        use_bias=False,
        kernel_initializer="zeros",
    )
    sides = zip(window.kernel, window.stride, window.padding, strict=True)
    ends = [min(kernel - stride, 0) - pad for kernel, stride, pad in sides]
    y = with_ends(y, window.padding, ends)
    if not bias:
        return y
    return step.apply(ElementwiseAffine, y, bias, shape=(parameter.num_output,), scale=False, shift=True)


def pooling(step: Step, x: KerasTensor) -> KerasTensor:
    """Pool by Caffe's rules: the pictures, and then along time."""
    parameter = step.layer.pooling_param
    is_max = enum_name(parameter, "pool") == "MAX"
    if parameter.global_pooling:
        return (ops.max if is_max else ops.mean)(x, axis=(1, 2, 3), keepdims=True)
    window = pooling_window(parameter, step.shapes.bottoms[0][2:])
    make = PaddedMaxPooling2D if is_max else PaddedAveragePooling2D
    ceil, (time, *_) = not rounds_down(parameter), zip(*window[:3], strict=True)
    x = over_pictures(make(window.kernel[1:], window.stride[1:], window.padding[1:], ceil_mode=ceil), x)
    if time == UNMOVED:
        return x
    kernel, stride, pad = zip(time, UNMOVED, strict=True)
    return along_time(make(kernel, stride, pad, ceil_mode=ceil), x)
