"""Torch7's activation functions."""

from __future__ import annotations

import keras
import numpy as np
from keras import KerasTensor, ops

from convert.functions import softplus
from convert.torch7.context import Context
from convert.torch7.module import Module
from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Cell, Value
from layers import ExactLeakyReLU, FoldAxes, UnfoldAxes


@converts("nn.ReLU", "cudnn.ReLU", "nn.Threshold", "nn.Rectifier")
def threshold(module: Module, x: KerasTensor) -> KerasTensor:
    """x where it is above the threshold, else a constant; both are 0 for ReLU."""
    # torch.class nn.Threshold defaults to 1e-6; nn.ReLU always saves its zeros, except in very old files.
    limit = module.number("threshold", 1e-6 if module.type_name == "nn.Threshold" else 0)
    value = module.number("val", 0)
    if limit == 0 and value == 0:
        return ops.relu(x)
    return ops.where(ops.greater(x, float(np.float32(limit))), x, float(value))


@converts("nn.ReLU6")
def relu6(x: KerasTensor) -> KerasTensor:
    """x limited to [0, 6]."""
    return ops.relu6(x)


@converts("cudnn.ClippedReLU")
def clipped_relu(module: Module, x: KerasTensor) -> KerasTensor:
    """x limited to [0, ceiling]."""
    return ops.clip(x, 0.0, float(module.number("ceiling")))


@converts("nn.LeakyReLU")
def leaky_relu(module: Module, x: KerasTensor) -> KerasTensor:
    """x, times `negval` where negative.

    Classes of this name from before nn had one say `negative_scale` (waifu2x) or `slope`.
    """
    module.ignore("positive", "negative", "filter_positive", "filter_negative")
    slope = module.number("negval", module.number("negative_scale", module.number("slope", 0.01)))
    return ExactLeakyReLU(slope)(x)


@converts("nn.BinActiveZ")
def binary_activation(x: KerasTensor) -> KerasTensor:
    """-1, 0 or 1: the sign of x (XNOR-Net, Rastegari et al. 2016, 1603.05279)."""
    return ops.sign(x)


@converts("nn.RReLU")
def randomized_leaky_relu(module: Module, x: KerasTensor) -> KerasTensor:
    """In evaluation a leaky ReLU with the mean of the two slopes."""
    slope = (module.number("lower", 1 / 8) + module.number("upper", 1 / 3)) / 2
    return ExactLeakyReLU(slope)(x)


@converts("nn.PReLU", "fbnn.LeakyReLU")
def parametric_relu(module: Module, cell: Cell, context: Context) -> KerasTensor:
    """x, times a learnt slope where negative: one for all or one for each index of the second dimension.

    The second dimension is that of a picture's channels; a vector has its first in its place.
    """
    slopes, x = module.required_array("weight").ravel(), cell.tensor
    axis = cell.axis(min(2, cell.rank))
    if slopes.size > 1 and axis == len(x.shape) - 1 and len(x.shape) > 2:
        context.expect_channels(module, x, slopes.size)
    if len(x.shape) == 5 and (slopes.size == 1 or axis > 1):  # LiteRT has slopes for up to four axes
        return UnfoldAxes(2)([_with_slopes(module, FoldAxes(2)(x), axis - 1, slopes, context), x])
    return _with_slopes(module, x, axis, slopes, context)


def _with_slopes(module: Module, x: KerasTensor, axis: int, slopes: np.ndarray, context: Context) -> KerasTensor:
    """Apply one slope to all, or one for each index of an axis."""
    shared = [i for i in range(1, len(x.shape)) if slopes.size == 1 or i != axis]
    shape = [slopes.size if i == axis else 1 for i in range(1, len(x.shape))]
    return context.apply(module, x, lambda: keras.layers.PReLU(shared_axes=shared), [slopes.reshape(shape)])


@converts("nn.ELU", "cudnn.ELU", "nn.ExponentialLU")
def elu(module: Module, x: KerasTensor) -> KerasTensor:
    """x, alpha (e^x - 1) where negative."""
    return ops.elu(x, alpha=float(module.number("alpha", 1)))


@converts("nn.Sigmoid", "cudnn.Sigmoid")
def sigmoid(x: KerasTensor) -> KerasTensor:
    """1 / (1 + e^-x)."""
    return ops.sigmoid(x)


@converts("nn.PSigmoid")
def steep_sigmoid(module: Module, x: KerasTensor) -> KerasTensor:
    """1 / (1 + e^-kx)."""
    return ops.sigmoid(x * float(module.number("k", 1)))


@converts("nn.LogSigmoid")
def log_sigmoid(x: KerasTensor) -> KerasTensor:
    """log(1 / (1 + e^-x))."""
    return -softplus(-x)


@converts("nn.Tanh", "cudnn.Tanh")
def tanh(x: KerasTensor) -> KerasTensor:
    """Hyperbolic tangent."""
    return ops.tanh(x)


@converts("nn.HardTanh", "nn.Clamp")
def hard_tanh(module: Module, x: KerasTensor) -> KerasTensor:
    """x limited to [min_val, max_val]."""
    return ops.clip(x, float(module.number("min_val", -1)), float(module.number("max_val", 1)))


@converts_values("w2nn.InplaceClip01")
def clip_in_place(module: Module, value: Value) -> Value:
    """x limited to [0, 1], in place of x."""
    cell = module.single(value)
    cell.tensor = ops.clip(cell.tensor, 0.0, 1.0)
    return cell


@converts("nn.SoftPlus")
def soft_plus(module: Module, x: KerasTensor) -> KerasTensor:
    """log(1 + e^(beta x)) / beta, and x itself where beta x is above the threshold."""
    beta = float(module.number("beta", 1))
    scaled = x * beta
    return ops.where(ops.greater(scaled, float(module.number("threshold", 20))), x, softplus(scaled) / beta)


@converts("nn.SoftSign")
def soft_sign(x: KerasTensor) -> KerasTensor:
    """x / (1 + |x|)."""
    return ops.softsign(x)


@converts("nn.SoftShrink")
def soft_shrink(module: Module, x: KerasTensor) -> KerasTensor:
    """x moved towards 0 by lambda."""
    return ops.soft_shrink(x, threshold=float(module.number("lambda", 0.5)))


@converts("nn.HardShrink")
def hard_shrink(module: Module, x: KerasTensor) -> KerasTensor:
    """x, 0 where |x| is at most lambda."""
    return ops.hard_shrink(x, threshold=float(module.number("lambda", 0.5)))


@converts("nn.TanhShrink")
def tanh_shrink(x: KerasTensor) -> KerasTensor:
    """x - tanh(x)."""
    return ops.tanh_shrink(x)


@converts("nn.SoftMax", "nn.SpatialSoftMax", "cudnn.SoftMax", "cudnn.SpatialSoftMax", "cudnn.VolumetricSoftMax")
def softmax(cell: Cell) -> KerasTensor:
    """Softmax over the channels."""
    return ops.softmax(cell.tensor, axis=_channel_axis(cell))


@converts(
    "nn.LogSoftMax",
    "nn.SpatialLogSoftMax",
    "cudnn.LogSoftMax",
    "cudnn.SpatialLogSoftMax",
    "cudnn.VolumetricLogSoftMax",
)
def log_softmax(cell: Cell) -> KerasTensor:
    """Logarithm of the softmax over the channels."""
    return ops.log_softmax(cell.tensor, axis=_channel_axis(cell))


@converts("nn.MultiSoftMax")
def last_softmax(cell: Cell) -> KerasTensor:
    """Softmax over the last dimension."""
    return ops.softmax(cell.tensor, axis=cell.axis(-1))


@converts_values("nn.LenSoftMax")
def softmax_of_length(module: Module, value: Value) -> Value:
    """Softmax over as many of the first elements of each row as the second tensor tells; the others are 0."""
    cell, lengths = module.cells(value, 2)
    if cell.rank != 2 or cell.frame.hidden:
        raise module.fail(f"takes batch x elements, but its first input has the sizes {cell.sizes}")
    x = cell.tensor
    inside = ops.cumsum(ops.ones_like(x), axis=1) <= ops.reshape(ops.cast(lengths.tensor, x.dtype), (-1, 1))
    return cell.like(ops.softmax(ops.where(inside, x, -1e30), axis=1))


@converts("nn.SoftMin")
def softmin(cell: Cell) -> KerasTensor:
    """Softmax of -x."""
    return ops.softmax(-cell.tensor, axis=_channel_axis(cell))


def _channel_axis(cell: Cell) -> int:
    """Torch7 takes the first dimension of 1-D and 3-D tensors for the channels, the second of 2-D, 4-D and 5-D ones."""
    return cell.axis({1: 1, 2: 2, 3: 1, 4: 2, 5: 2}[cell.rank])


@converts("nn.GatedLinearUnit")
def gated_linear_unit(module: Module, cell: Cell) -> KerasTensor:
    """The first half of a dimension times the sigmoid of the second."""
    dimension = module.integer("dim", cell.rank)
    dimension += cell.rank + 1 if dimension < 0 else 0
    if not 1 <= dimension <= cell.rank:
        raise module.fail_at_dimension("dim", dimension, cell.sizes)
    first, second = ops.split(cell.tensor, 2, axis=cell.axis(dimension))
    return first * ops.sigmoid(second)


@converts("nn.Clip")
def clip(module: Module, x: KerasTensor) -> KerasTensor:
    """x limited to [minval, maxval]."""
    return ops.clip(x, float(module.number("minval")), float(module.number("maxval")))
