"""Rectifiers and other functions of single numbers, and softmax."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from convert.axes import CHANNELS_LAST_RANKS, from_source_order, keras_axis
from convert.functions import softplus
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.elementwise import elementwise
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.values import OperatorError, Value, constant_of

_PLAIN: dict[str, Callable[[Any], Any]] = {
    "hardsigmoid": lambda x: ops.clip(x / 6.0 + 0.5, 0.0, 1.0),
    "hardswish": lambda x: x * ops.clip(x + 3.0, 0.0, 6.0) / 6.0,
    "log_sigmoid": lambda x: -softplus(-x),
    "mish": lambda x: x * ops.tanh(softplus(x)),
    "relu": ops.relu,
    "relu6": lambda x: ops.clip(x, 0.0, 6.0),
    "sigmoid": ops.sigmoid,
    "silu": lambda x: x * ops.sigmoid(x),
    "softsign": lambda x: x / (1.0 + ops.abs(x)),
    "tanh": ops.tanh,
}


def _activation(function: Callable[[Any], Any]) -> Callable[..., Value]:
    def apply(context: Context, self: Value) -> Value:
        return elementwise(context, function, self)

    return apply


for _name, _function in _PLAIN.items():
    operator(_name)(_activation(_function))


@operator("leaky_relu")
def leaky_relu(context: Context, self: Value, negative_slope: float = 0.01) -> Value:
    """X where it is positive, else the slope times it."""
    return elementwise(context, lambda x: ops.where(x > 0, x, negative_slope * x), self)


@operator("elu")
def elu(context: Context, self: Value, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Value:
    """Scale * x where it is positive, else scale * alpha * (e^(x * input_scale) - 1)."""
    return elementwise(
        context,
        lambda x: scale * ops.where(x > 0, x, alpha * ops.expm1(ops.minimum(x, 0.0) * input_scale)),
        self,
    )


@operator("selu")
def selu(context: Context, self: Value) -> Value:
    """The function of self-normalising networks (Klambauer et al. 2017)."""
    return elu(context, self, 1.6732632423543772, 1.0507009873554805)


@operator("celu")
def celu(context: Context, self: Value, alpha: float = 1) -> Value:
    """X where it is positive, else alpha * (e^(x / alpha) - 1)."""
    return elu(context, self, alpha, 1, 1 / alpha)


@operator("gelu")
def gelu(context: Context, self: Value, approximate: str = "none") -> Value:
    """X times the normal distribution's share below x, exactly or by tanh."""
    if approximate == "tanh":
        root = math.sqrt(2 / math.pi)
        return elementwise(context, lambda x: 0.5 * x * (1.0 + ops.tanh(root * (x + 0.044715 * x * x * x))), self)
    return elementwise(context, lambda x: 0.5 * x * (1.0 + ops.erf(x / math.sqrt(2))), self)


@operator("hardtanh")
def hardtanh(context: Context, self: Value, min_val: float = -1, max_val: float = 1) -> Value:
    """X within bounds."""
    return elementwise(context, lambda x: ops.clip(x, min_val, max_val), self)


@operator("softplus")
def soft_rectifier(context: Context, self: Value, beta: float = 1, threshold: float = 20) -> Value:
    """Log(1 + e^(beta x)) / beta, and x where beta x is above the threshold."""
    return elementwise(context, lambda x: ops.where(x * beta > threshold, x, softplus(x * beta) / beta), self)


@operator("threshold")
def threshold(context: Context, self: Value, threshold: float, value: float) -> Value:
    """X where it is above the threshold, else the value."""
    return elementwise(context, lambda x: ops.where(x > threshold, x, value), self)


@operator("hardshrink")
def hardshrink(context: Context, self: Value, lambd: float = 0.5) -> Value:
    """X where its magnitude is above lambd, else 0."""
    return elementwise(context, lambda x: ops.where(ops.abs(x) > lambd, x, 0.0), self)


@operator("softshrink")
def softshrink(context: Context, self: Value, lambd: float = 0.5) -> Value:
    """X with its magnitude reduced by lambd, at least 0."""
    return elementwise(context, lambda x: ops.sign(x) * ops.relu(ops.abs(x) - lambd), self)


@operator("prelu", "_prelu_kernel")
def prelu(context: Context, self: Value, weight: Value) -> Value:
    """X where it is positive, else a learnt factor for each channel, or for all, times it."""
    slopes = constant_of(weight).reshape(-1)
    if slopes.size == 1:
        return leaky_relu(context, self, float(slopes[0]))
    if self.rank not in CHANNELS_LAST_RANKS:
        raise OperatorError(f"with a factor for each channel it takes pictures, not a tensor of {self.rank} axes")
    shared = list(range(1, self.rank - 1))
    layer = lambda name: keras.layers.PReLU(shared_axes=shared, name=name)  # noqa: E731
    shape = (1,) * len(shared) + slopes.shape
    return Value(context.apply(self.tensor, [weight], layer, [slopes.reshape(shape)]))


@operator("softmax", "_softmax", "special_softmax")
def softmax(context: Context, self: Value, dim: int, dtype: Any = None) -> Value:
    """E^x divided by its sum along an axis."""
    return _along(self, dim, ops.softmax)


@operator("log_softmax", "_log_softmax")
def log_softmax(context: Context, self: Value, dim: int, dtype: Any = None) -> Value:
    """The logarithm of softmax."""
    return _along(self, dim, ops.log_softmax)


def _along(value: Value, dim: int, function: Callable[..., Any]) -> Value:
    axis = value.axis(dim)
    if value.is_constant:
        return Value(function(value.tensor, axis=axis))
    return Value(function(value.tensor, axis=keras_axis(axis, value.rank)))


@operator("glu")
def gated(context: Context, self: Value, dim: int = -1) -> Value:
    """The first half along an axis times the sigmoid of the second."""
    source = context.tensor(self)
    first, second = ops.split(source, 2, axis=self.axis(dim))
    return Value(from_source_order(first * ops.sigmoid(second)))
