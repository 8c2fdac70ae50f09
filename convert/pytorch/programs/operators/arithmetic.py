"""Arithmetic, comparisons and choices, element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from convert.functions import added
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.elementwise import elementwise, number_or_value
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.values import OperatorError, Value


def _rest_towards_zero(a: Any, b: Any) -> Any:
    """Return what is left of a after b was taken away as often as possible; of whole numbers a whole one."""
    times = ops.trunc(ops.true_divide(a, b))
    kinds = [one.dtype if hasattr(one, "dtype") else type(one) for one in (a, b)]
    if keras.backend.result_type(*kinds).startswith("int"):
        times = ops.cast(times, "int32")
    return ops.subtract(a, ops.multiply(b, times))


_UNARY: dict[str, Callable[[Any], Any]] = {
    "abs": ops.abs,
    "atan": ops.arctan,
    "bitwise_not": ops.logical_not,
    "ceil": ops.ceil,
    "cos": ops.cos,
    "erf": ops.erf,
    "exp": ops.exp,
    "expm1": ops.expm1,
    "floor": ops.floor,
    "isnan": ops.isnan,
    "log": ops.log,
    "log1p": ops.log1p,
    "log2": ops.log2,
    "logical_not": ops.logical_not,
    "neg": ops.negative,
    "reciprocal": lambda x: 1.0 / x,
    "round": ops.round,
    "rsqrt": ops.rsqrt,
    "sign": ops.sign,
    "sin": ops.sin,
    "sqrt": ops.sqrt,
    "square": ops.square,
    "trunc": ops.trunc,
}
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "__and__": ops.logical_and,
    "__or__": ops.logical_or,
    "__xor__": ops.logical_xor,
    "atan2": ops.arctan2,
    "bitwise_and": ops.logical_and,
    "bitwise_or": ops.logical_or,
    "eq": ops.equal,
    "floor_divide": ops.floor_divide,
    "fmod": _rest_towards_zero,
    "ge": ops.greater_equal,
    "gt": ops.greater,
    "le": ops.less_equal,
    "logical_and": ops.logical_and,
    "logical_or": ops.logical_or,
    "logical_xor": ops.logical_xor,
    "lt": ops.less,
    "maximum": ops.maximum,
    "minimum": ops.minimum,
    "mul": ops.multiply,
    "multiply": ops.multiply,
    "ne": ops.not_equal,
    "not_equal": ops.not_equal,
    "pow": ops.power,
    "remainder": ops.mod,
    "true_divide": ops.true_divide,
}


def _unary(function: Callable[[Any], Any]) -> Callable[..., Value]:
    def apply(context: Context, self: Value) -> Value:
        return elementwise(context, function, self)

    return apply


def _binary(function: Callable[[Any, Any], Any]) -> Callable[..., Value]:
    def apply(context: Context, self: Any, other: Any) -> Value:
        return elementwise(context, function, number_or_value(self), number_or_value(other))

    return apply


for _name, _of_one in _UNARY.items():
    operator(_name)(_unary(_of_one))
for _name, _of_two in _BINARY.items():
    operator(_name)(_binary(_of_two))


@operator("add")
def add(context: Context, self: Any, other: Any, alpha: float = 1) -> Value:
    """Self + alpha * other."""
    return elementwise(context, lambda a, b: added(a, b if alpha == 1 else ops.multiply(b, alpha)), self, other)


@operator("sub", "subtract")
def subtract(context: Context, self: Any, other: Any, alpha: float = 1) -> Value:
    """Self - alpha * other."""
    return elementwise(context, lambda a, b: ops.subtract(a, b if alpha == 1 else ops.multiply(b, alpha)), self, other)


@operator("rsub")
def subtract_from(context: Context, self: Value, other: Any, alpha: float = 1) -> Value:
    """Other - alpha * self."""
    return subtract(context, other, self, alpha)


@operator("div", "divide")
def divide(context: Context, self: Any, other: Any, rounding_mode: str | None = None) -> Value:
    """Self / other, whole towards zero ("trunc") or downwards ("floor")."""
    if rounding_mode == "floor":
        return elementwise(context, ops.floor_divide, self, other)
    quotient = elementwise(context, ops.true_divide, self, other)
    return quotient if rounding_mode is None else elementwise(context, ops.trunc, quotient)


@operator("addcmul")
def add_product(context: Context, self: Value, tensor1: Value, tensor2: Value, value: float = 1) -> Value:
    """Self + value * tensor1 * tensor2."""
    return add(context, self, elementwise(context, ops.multiply, tensor1, tensor2), value)


@operator("addcdiv")
def add_quotient(context: Context, self: Value, tensor1: Value, tensor2: Value, value: float = 1) -> Value:
    """Self + value * tensor1 / tensor2."""
    return add(context, self, elementwise(context, ops.divide, tensor1, tensor2), value)


@operator("lerp")
def interpolate(context: Context, self: Value, end: Value, weight: Any) -> Value:
    """Self + weight * (end - self)."""
    return elementwise(
        context, lambda a, b, share: added(a, ops.multiply(ops.subtract(b, a), share)), self, end, weight
    )


@operator("where")
def choose(context: Context, condition: Value, self: Any = None, other: Any = None) -> Value:
    """Self where the condition holds, else other."""
    if self is None or other is None:
        raise OperatorError("with a condition alone it is not supported")
    return elementwise(context, ops.where, condition, self, other)


@operator("masked_fill")
def fill_masked(context: Context, self: Value, mask: Value, value: Any) -> Value:
    """The value where the mask is true."""
    return elementwise(
        context, lambda x, where, number: ops.where(where, number, x), self, mask, number_or_value(value)
    )


@operator("fill")
def fill(context: Context, self: Value, value: Any) -> Value:
    """A number everywhere."""
    return copy(context, self, number_or_value(value))


@operator("zero")
def zero(context: Context, self: Value) -> Value:
    """Zero everywhere."""
    return fill(context, self, 0)


@operator("copy")
def copy(context: Context, self: Value, src: Any, non_blocking: bool = False) -> Value:
    """Other numbers in the same sizes."""
    return elementwise(context, lambda x, new: added(ops.zeros_like(x), new), self, src)


@operator("clamp", "clip")
def clamp(context: Context, self: Value, min: Any = None, max: Any = None) -> Value:
    """Self, at least min and at most max; either may be missing, or a tensor."""
    result = self
    if min is not None:
        result = elementwise(context, ops.maximum, result, number_or_value(min))
    return result if max is None else elementwise(context, ops.minimum, result, number_or_value(max))


@operator("clamp_min")
def clamp_below(context: Context, self: Value, min: Any) -> Value:
    """Self, at least min."""
    return clamp(context, self, min)


@operator("clamp_max")
def clamp_above(context: Context, self: Value, max: Any) -> Value:
    """Self, at most max."""
    return clamp(context, self, None, max)


# PyTorch's numbers of types in programs (c10's ScalarType), and the types that they become here.
TYPES = {
    **dict.fromkeys((0, 1, 2, 3, 4), "int32"),
    **dict.fromkeys((5, 6, 7, 15), "float32"),
    11: "bool",
}


@operator("to", "_to_copy", "type_as")
def cast(
    context: Context, self: Value, *arguments: Any, dtype: Any = None, other: Any = None, **placement: Any
) -> Value:
    """Self in another type: all floating-point ones are float32, all whole ones int32."""
    wanted = dtype if dtype is not None else other
    for argument in arguments:
        if isinstance(argument, Value) or (type(argument) is int and wanted is None):
            wanted = argument
    if wanted is None:
        return self
    name = wanted.dtype if isinstance(wanted, Value) else TYPES.get(wanted)
    if name is None:
        raise OperatorError(f"the type {wanted} is not supported")
    if self.dtype == name:
        return self
    if self.is_constant:
        return Value(self.tensor.astype(np.dtype(name)))
    return elementwise(context, lambda x: ops.cast(x, name), self)
