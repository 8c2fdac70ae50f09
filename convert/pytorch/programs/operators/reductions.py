"""Sums, means, extremes and other numbers of whole axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from keras import ops

from convert.axes import keras_axis
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.elementwise import elementwise, size_tensor
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.sizes import computed
from convert.pytorch.programs.values import BatchNeeded, FreeSize, OperatorError, Value, whole, wholes


def reduced(context: Context, value: Value, dim: Any, keepdim: bool, function: Callable[..., Any]) -> Value:
    """Return a function of axes of a value; `dim` None or empty: of all.

    Raises:
        OperatorError: one is that of the batch, whose pictures have nothing to do with each other.
    """
    dims = range(value.rank) if dim is None or dim == [] else [value.axis(one) for one in wholes(dim)]
    if value.is_constant:
        return Value(function(value.tensor, axis=tuple(dims), keepdims=keepdim))
    if 0 in dims and value.shape[0] is None:
        raise BatchNeeded("works along the batch")
    keras_axes = [keras_axis(one, value.rank) for one in dims]
    left = [keras_axis(axis, value.rank) for axis in range(value.rank) if axis not in dims]
    if keepdim or (left == sorted(left) and len(left) < 4):
        return Value(function(value.tensor, axis=tuple(keras_axes), keepdims=keepdim))
    return Value.from_source(function(value.source(), axis=tuple(dims), keepdims=False))


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "all": ops.all,
    "amax": ops.max,
    "amin": ops.min,
    "any": ops.any,
    "mean": ops.mean,
    "sum": ops.sum,
}
# Of two tensors, of axes, and the places along one.
_EXTREMES: dict[str, tuple[Callable[..., Any], ...]] = {
    "max": (ops.maximum, ops.max, ops.argmax),
    "min": (ops.minimum, ops.min, ops.argmin),
}
_PLACES: dict[str, Callable[..., Any]] = {"argmax": ops.argmax, "argmin": ops.argmin}


def _reduction(function: Callable[..., Any]) -> Callable[..., Value]:
    def apply(context: Context, self: Value, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Value:
        return reduced(context, self, dim, keepdim, function)

    return apply


def _extreme(of_two: Callable[..., Any], of_axes: Callable[..., Any], place: Callable[..., Any]) -> Callable[..., Any]:
    def apply(context: Context, self: Value, dim: Any = None, keepdim: bool = False) -> Any:
        """Return extremes, along an axis with their places; or of two tensors."""
        if isinstance(dim, Value):
            return elementwise(context, of_two, self, dim)
        found = reduced(context, self, dim, keepdim, of_axes)
        return found if dim is None else (found, _place(self, dim, keepdim, place))

    return apply


def _places(function: Callable[..., Any]) -> Callable[..., Value]:
    def apply(context: Context, self: Value, dim: int | None = None, keepdim: bool = False) -> Value:
        return _place(self, dim, keepdim, function)

    return apply


for _name, _function in _REDUCTIONS.items():
    operator(_name)(_reduction(_function))
for _name, _functions in _EXTREMES.items():
    operator(_name)(_extreme(*_functions))
for _name, _function in _PLACES.items():
    operator(_name)(_places(_function))


def _place(value: Value, dim: int | None, keepdim: bool, function: Callable[..., Any]) -> Value:
    if dim is None:
        raise OperatorError("of all numbers together is not supported")
    return Value.from_source(function(value.source(), axis=value.axis(dim), keepdims=keepdim))


@operator("var")
def variance(
    context: Context,
    self: Value,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Value:
    """Variances, by default those of samples: divided by the number less 1."""
    if isinstance(dim, bool):  # of all numbers: `dim` is left out
        dim, unbiased = None, dim
    less = (1 if unbiased else 0) if correction is None else correction

    biased = reduced(context, self, dim, keepdim, ops.var)
    if not less:
        return biased
    number = _positions(self, dim)
    if isinstance(number, FreeSize):
        count = Value(ops.cast(size_tensor(context, number).tensor, "float32"))
        return elementwise(context, lambda x, n: x * (n / (n - less)), biased, count)
    return elementwise(context, lambda x: x * (number / (number - less)), biased)


def _positions(value: Value, dim: Any) -> Any:
    """Return how many positions some axes have together."""
    axes = range(value.rank) if dim is None or dim == [] else [value.axis(one) for one in wholes(dim)]
    number: Any = 1
    for axis in axes:
        size = value.shape[axis]
        number = computed("mul", number, FreeSize(value, axis) if size is None else size)
    return number


@operator("std")
def deviation(context: Context, self: Value, *options: Any, **named: Any) -> Value:
    """Square roots of the variances."""
    return Value(ops.sqrt(variance(context, self, *options, **named).tensor))


@operator("var_mean")
def variance_and_mean(
    context: Context,
    self: Value,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> tuple[Value, Value]:
    """Variances and means."""
    found = variance(context, self, dim, unbiased, keepdim, correction=correction)
    return found, reduced(context, self, None if isinstance(dim, bool) else dim, keepdim, ops.mean)


@operator("cumsum")
def running_sum(context: Context, self: Value, dim: int, dtype: Any = None) -> Value:
    """Sums up to each position along an axis."""
    return Value.from_source(ops.cumsum(self.source(), axis=self.axis(dim)))


_NORMS: dict[float, Callable[..., Any]] = {
    1: lambda x, axis, keepdims: ops.sum(ops.abs(x), axis=axis, keepdims=keepdims),
    2: lambda x, axis, keepdims: ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=keepdims)),
    math.inf: lambda x, axis, keepdims: ops.max(ops.abs(x), axis=axis, keepdims=keepdims),
}


@operator("linalg_vector_norm")
def vector_norm(
    context: Context, self: Value, ord: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Value:
    """The norm of vectors along axes: of order 1, 2 or infinite."""
    order = ord if ord == math.inf else whole(ord)
    if order not in _NORMS:
        raise OperatorError(f"of order {ord} it is not supported")
    return reduced(context, self, dim, keepdim, _NORMS[order])


@operator("norm")
def norm(context: Context, self: Value, p: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Value:
    """The same, as older programs have it."""
    return vector_norm(context, self, 2 if p is None else p, dim, keepdim)
