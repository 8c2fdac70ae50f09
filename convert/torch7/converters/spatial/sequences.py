"""Modules that work along time: (batch, time, features)."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import KerasTensor, ops

from convert.torch7.context import Context
from convert.torch7.converters.spatial.geometry import MAX_KERNEL
from convert.torch7.module import Module
from convert.torch7.registry import converts
from convert.torch7.symbolic_values import Cell
from layers import ElementwiseAffine, LargestInOrder


def _size(module: Module, name: str, default: int | None = None) -> int:
    return module.integer(name, default, low=1, high=MAX_KERNEL)


@converts("nn.TemporalConvolution", "nn.TemporalConvolutionFB", sample=2)
def convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution along time; the weight is (output, time x input)."""
    return _convolve(module, x, context, _size(module, "kW"), _size(module, "dW", 1))


@converts("nn.UnfoldedTemporalConvolution", sample=2)
def unfolded_convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution along time, with zeros around it."""
    padding = module.integer("pad", 0, low=0, high=MAX_KERNEL)
    x = keras.layers.ZeroPadding1D(padding)(x) if padding else x
    return _convolve(module, x, context, _size(module, "kW"), 1)


@converts("nn.TemporalConvolutionTBC")
def convolution_of_time_first(module: Module, cell: Cell, context: Context) -> Cell:
    """Convolution along time of (time, batch, features), with zeros around it; the weight is (time, input, output)."""
    if cell.rank != 3 or cell.frame.hidden:
        raise module.fail(f"takes time x batch x features, but its input has the sizes {cell.sizes}")
    weight, bias = module.required_array("weight"), module.required_array("bias")
    if weight.ndim != 3:
        raise module.fail(f"needs a 3-D weight, not {weight.shape}")
    padding = module.integer("pad", 0, low=0, high=MAX_KERNEL)
    x = ops.transpose(cell.tensor, (1, 0, 2))
    context.expect_channels(module, x, weight.shape[1])
    x = keras.layers.ZeroPadding1D(padding)(x) if padding else x
    made = context.apply(module, x, lambda: keras.layers.Conv1D(weight.shape[2], weight.shape[0]), [weight, bias])
    return cell.like(ops.transpose(made, (1, 0, 2)))


@converts("cudnn.TemporalConvolution", sample=2)
def cudnn_convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution along time: cudnn takes it for a picture as wide as a frame, so that the time is in kH, dH, padH."""
    padding = module.integer("padH", 0, low=0, high=MAX_KERNEL)
    x = keras.layers.ZeroPadding1D(padding)(x) if padding else x
    return _convolve(module, x, context, _size(module, "kH"), _size(module, "dH", 1))


def _convolve(module: Module, x: KerasTensor, context: Context, width: int, stride: int) -> KerasTensor:
    features, filters = module.integer("inputFrameSize", low=1), module.integer("outputFrameSize", low=1)
    weight, bias = module.required_array("weight"), module.array("bias")
    if weight.size != filters * width * features:
        raise module.fail(f"weight of shape {weight.shape}, expected {(filters, width * features)}")
    context.expect_channels(module, x, features)
    make = lambda: keras.layers.Conv1D(filters, width, strides=stride, use_bias=bias is not None)  # noqa: E731
    kernel = weight.reshape(filters, width, features).transpose(1, 2, 0)
    return context.apply(module, x, make, [np.ascontiguousarray(kernel), bias])


@converts("nn.TemporalRowConvolution", sample=2)
def row_convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution of each feature by itself; with featFirst the features stand before the time."""
    features, width = module.integer("inputFrameSize", low=1), _size(module, "kW")
    weight, bias = module.required_array("weight"), module.array("bias")
    x = ops.transpose(x, (0, 2, 1)) if module.flag("featFirst") else x
    context.expect_channels(module, x, features)

    def make() -> keras.Layer:
        strides = _size(module, "dW", 1)
        return keras.layers.Conv1D(features, width, strides=strides, groups=features, use_bias=bias is not None)

    kernel = np.ascontiguousarray(weight.reshape(features, 1, width).transpose(2, 1, 0))
    made = context.apply(module, x, make, [kernel, bias])
    return ops.transpose(made, (0, 2, 1)) if module.flag("featFirst") else made


@converts("nn.TemporalSubSampling", sample=2)
def sub_sampling(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Sums of windows times a weight for each feature, plus a bias."""
    width = _size(module, "kW")
    weight, bias = module.required_array("weight").ravel(), module.required_array("bias").ravel()
    context.expect_channels(module, x, bias.size)
    means = keras.layers.AveragePooling1D(width, strides=_size(module, "dW", 1))(x)
    return context.apply(module, means, lambda: ElementwiseAffine((bias.size,)), [weight * width, bias])


@converts("nn.TemporalMaxPooling", sample=2)
def max_pooling(module: Module, x: KerasTensor) -> KerasTensor:
    """Maxima of windows."""
    width = _size(module, "kW")
    return keras.layers.MaxPooling1D(width, strides=_size(module, "dW", width))(x)


@converts("nn.TemporalDynamicKMaxPooling", sample=2)
def dynamic_max_pooling(module: Module, x: KerasTensor) -> KerasTensor:
    """The k largest values of each feature in the order of time, k at least minK and a share of the time."""
    return _largest(x, module, float(module.number("factor", 0)), module.integer("minK", low=1))


@converts("nn.TemporalKMaxPooling", sample=2)
def largest_pooling(module: Module, x: KerasTensor) -> KerasTensor:
    """As nn.TemporalDynamicKMaxPooling, with other names; a negative share counts as none."""
    module.ignore("indices")
    return _largest(x, module, max(0.0, float(module.number("k_dynamic", 0))), module.integer("k", low=1))


def _largest(x: KerasTensor, module: Module, factor: float, least: int) -> KerasTensor:
    if factor == 0:
        return LargestInOrder(least)(x)
    if x.shape[1] is None:
        raise module.fail("keeps a share of the steps; give the number of steps as `input_shape`")
    return LargestInOrder(max(least, math.ceil(factor * x.shape[1])))(x)
