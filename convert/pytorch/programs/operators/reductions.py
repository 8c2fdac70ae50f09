"""Sums, means, extremes and other numbers of whole axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from convert.axes import keras_axis
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.elementwise import elementwise
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.values import BatchNeeded, OperatorError, Value, wholes


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


@operator("mean")
def mean(context: Context, self: Value, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Value:
    """Means."""
    return reduced(context, self, dim, keepdim, ops.mean)


@operator("sum")
def total(context: Context, self: Value, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Value:
    """Sums."""
    return reduced(context, self, dim, keepdim, ops.sum)


@operator("any")
def any_along(context: Context, self: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """Whether any is true."""
    return reduced(context, self, dim, keepdim, ops.any)


@operator("all")
def all_along(context: Context, self: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """Whether all are true."""
    return reduced(context, self, dim, keepdim, ops.all)


@operator("amax")
def largest(context: Context, self: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """Maxima."""
    return reduced(context, self, dim, keepdim, ops.max)


@operator("amin")
def smallest(context: Context, self: Value, dim: Any = None, keepdim: bool = False) -> Value:
    """Minima."""
    return reduced(context, self, dim, keepdim, ops.min)


@operator("max")
def max_along(context: Context, self: Value, dim: Any = None, keepdim: bool = False) -> Any:
    """Maxima, along an axis with their places; or of two tensors."""
    if isinstance(dim, Value):
        return elementwise(context, ops.maximum, self, dim)
    found = largest(context, self, dim, keepdim)
    return found if dim is None else (found, argmax(context, self, dim, keepdim))


@operator("min")
def min_along(context: Context, self: Value, dim: Any = None, keepdim: bool = False) -> Any:
    """Minima, along an axis with their places; or of two tensors."""
    if isinstance(dim, Value):
        return elementwise(context, ops.minimum, self, dim)
    found = smallest(context, self, dim, keepdim)
    return found if dim is None else (found, argmin(context, self, dim, keepdim))


@operator("argmax")
def argmax(context: Context, self: Value, dim: int | None = None, keepdim: bool = False) -> Value:
    """Places of the maxima."""
    return _place(self, dim, keepdim, ops.argmax)


@operator("argmin")
def argmin(context: Context, self: Value, dim: int | None = None, keepdim: bool = False) -> Value:
    """Places of the minima."""
    return _place(self, dim, keepdim, ops.argmin)


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

    def function(x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
        biased = ops.var(x, axis=axis, keepdims=keepdims)
        if not less:
            return biased
        counts = [x.shape[one] for one in axis]
        if None in counts:
            raise OperatorError("divides by a number of positions that is free: give the size as `input_shape`")
        number = 1
        for count in counts:
            number *= count
        return biased * (number / (number - less))

    return reduced(context, self, dim, keepdim, function)


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
    return found, mean(context, self, None if isinstance(dim, bool) else dim, keepdim)


@operator("cumsum")
def running_sum(context: Context, self: Value, dim: int, dtype: Any = None) -> Value:
    """Sums up to each position along an axis."""
    return Value.from_source(ops.cumsum(self.source(), axis=self.axis(dim)))
