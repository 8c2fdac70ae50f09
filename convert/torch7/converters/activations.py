"""Torch7's activation functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from convert.torch7.registry import converts

if TYPE_CHECKING:
    from keras import KerasTensor

    from convert.torch7.context import Context
    from convert.torch7.module import Module


@converts("nn.ReLU", "cudnn.ReLU", "nn.Threshold")
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
    """x, times `negval` where negative."""
    return ops.leaky_relu(x, negative_slope=float(module.number("negval", 0.01)))


@converts("nn.RReLU")
def randomized_leaky_relu(module: Module, x: KerasTensor) -> KerasTensor:
    """In evaluation a leaky ReLU with the mean of the two slopes."""
    slope = (module.number("lower", 1 / 8) + module.number("upper", 1 / 3)) / 2
    return ops.leaky_relu(x, negative_slope=float(slope))


@converts("nn.PReLU")
def parametric_relu(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """x, times a learnt slope where negative: one for all or one per channel."""
    slopes = module.required_array("weight").ravel()
    rank = len(x.shape)
    if rank == 4 and slopes.size > 1:
        context.expect_channels(module, x, slopes.size)
    make = lambda: keras.layers.PReLU(shared_axes=list(range(1, rank - 1)))  # noqa: E731
    if slopes.size == 1:
        make = lambda: keras.layers.PReLU(shared_axes=list(range(1, rank)))  # noqa: E731
    return context.apply(module, x, make, [slopes.reshape((1,) * (rank - 2) + (slopes.size,))])


@converts("nn.ELU", "cudnn.ELU")
def elu(module: Module, x: KerasTensor) -> KerasTensor:
    """x, alpha (e^x - 1) where negative."""
    return ops.elu(x, alpha=float(module.number("alpha", 1)))


@converts("nn.Sigmoid", "cudnn.Sigmoid")
def sigmoid(x: KerasTensor) -> KerasTensor:
    """1 / (1 + e^-x)."""
    return ops.sigmoid(x)


@converts("nn.LogSigmoid")
def log_sigmoid(x: KerasTensor) -> KerasTensor:
    """log(1 / (1 + e^-x))."""
    return ops.log_sigmoid(x)


@converts("nn.Tanh", "cudnn.Tanh")
def tanh(x: KerasTensor) -> KerasTensor:
    """Hyperbolic tangent."""
    return ops.tanh(x)


@converts("nn.HardTanh", "nn.Clamp")
def hard_tanh(module: Module, x: KerasTensor) -> KerasTensor:
    """x limited to [min_val, max_val]."""
    return ops.clip(x, float(module.number("min_val", -1)), float(module.number("max_val", 1)))


@converts("nn.SoftPlus")
def soft_plus(module: Module, x: KerasTensor) -> KerasTensor:
    """log(1 + e^(beta x)) / beta, and x itself where beta x is above the threshold."""
    beta = float(module.number("beta", 1))
    scaled = x * beta
    return ops.where(ops.greater(scaled, float(module.number("threshold", 20))), x, ops.softplus(scaled) / beta)


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


@converts("nn.SoftMax", "nn.SpatialSoftMax", "cudnn.SoftMax", "cudnn.SpatialSoftMax")
def softmax(x: KerasTensor) -> KerasTensor:
    """Softmax over the channels."""
    return ops.softmax(x, axis=_channel_axis(x))


@converts("nn.LogSoftMax", "nn.SpatialLogSoftMax", "cudnn.LogSoftMax", "cudnn.SpatialLogSoftMax")
def log_softmax(x: KerasTensor) -> KerasTensor:
    """Logarithm of the softmax over the channels."""
    return ops.log_softmax(x, axis=_channel_axis(x))


@converts("nn.SoftMin")
def softmin(x: KerasTensor) -> KerasTensor:
    """Softmax of -x."""
    return ops.softmax(-x, axis=_channel_axis(x))


def _channel_axis(x: KerasTensor) -> int:
    """Torch7 takes the first dimension of 1-D and 3-D tensors for the channels, the second of 2-D and 4-D ones."""
    return {1: 0, 2: 1, 3: 0, 4: 3}[len(x.shape)]
