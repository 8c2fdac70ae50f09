"""Numbers taken from, put at, and ordered into positions that the network computes."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import KerasTensor, ops

from convert.axes import keras_axis
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.elementwise import elementwise, number_or_value
from convert.pytorch.programs.operators.joining import cut, select
from convert.pytorch.programs.operators.reshaping import flatten, move_axes, unsqueeze
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.values import OperatorError, Value, whole, wholes

MAX_WRITTEN = 64  # numbers that are put into each line


@operator("gather")
def gather(context: Context, self: Value, dim: int, index: Value) -> Value:
    """Numbers at positions along an axis, which are given for each place of the other axes."""
    axis, whole_self = self.axis(dim), self
    for other, (size, wanted) in enumerate(zip(self.shape, index.shape, strict=True)):
        if other != axis and None not in (size, wanted) and size != wanted:
            whole_self = cut(context, whole_self, other, 0, wanted)
    numbers = ops.cast(context.tensor(index) if not index.is_constant else index.tensor, "int32")
    return Value.from_source(ops.take_along_axis(context.tensor(whole_self), numbers, axis=axis))


@operator("scatter")
def scatter(context: Context, self: Value, dim: int, index: Value, src: Any = None, value: Any = None) -> Value:
    """Self with other numbers, or one, at positions along an axis, given for each place of the other axes."""
    axis, numbers = self.axis(dim), src if value is None else value
    count = whole(index.shape[axis])
    if count > MAX_WRITTEN:
        raise OperatorError(f"puts {count} numbers into each line; at most {MAX_WRITTEN} are allowed")
    others = [pair for one, pair in enumerate(zip(self.shape, index.shape, strict=True)) if one != axis]
    if any(1 < (wanted or 0) < (size or 0) for size, wanted in others):
        raise OperatorError("needs positions for all places of the other axes")
    result, places = self, _places(context, self, axis)
    for number in range(count):
        here = elementwise(context, ops.equal, places, unsqueeze(context, select(context, index, axis, number), axis))
        one = numbers
        if isinstance(numbers, Value) and numbers.rank:
            one = unsqueeze(context, select(context, numbers, axis, number), axis)
        result = elementwise(
            context, lambda where, new, old: ops.where(where, new, old), here, number_or_value(one), result
        )
    return result


def _places(context: Context, value: Value, axis: int) -> Value:
    """Return the number of each position along an axis, in a shape that fits the value."""
    size = value.shape[axis]
    if size is not None:
        return Value(np.arange(size, dtype=np.int32).reshape([-1 if one == axis else 1 for one in range(value.rank)]))
    ones = ops.ones_like(value.sized, dtype="int32")
    return Value(ops.cumsum(ones, axis=keras_axis(axis, value.rank)) - 1)


@operator("topk")
def largest(
    context: Context, self: Value, k: Any, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Value, Value]:
    """The largest numbers along an axis, or the smallest, in their order, and their positions."""
    x, axis = context.tensor(self), self.axis(dim)
    last = ops.moveaxis(x, axis, -1)
    found, places = ops.top_k(last if largest else ops.negative(last), whole(k))
    found = found if largest else ops.negative(found)
    return _moved_back(found, axis), _moved_back(ops.cast(places, "int32"), axis)


def _moved_back(x: KerasTensor, axis: int) -> Value:
    return Value.from_source(ops.moveaxis(x, -1, axis))


@operator("sort")
def sort(
    context: Context, self: Value, dim: int = -1, descending: bool = False, *, stable: bool = False
) -> tuple[Value, Value]:
    """All numbers along an axis in their order, and where they were; equal ones in any order."""
    size = self.shape[self.axis(dim)]
    if size is None:
        raise OperatorError("puts an axis of a free size into order: give the size of the input as `input_shape`")
    return largest(context, self, size, dim, bool(descending))


@operator("argsort")
def order(context: Context, self: Value, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Value:
    """The positions of all numbers along an axis, in the order of these."""
    return sort(context, self, dim, descending)[1]


@operator("diagonal")
def diagonal(context: Context, self: Value, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Value:
    """The diagonals of matrices, along a new last axis."""
    if offset:
        raise OperatorError("is supported for the main diagonal")
    matrices = move_axes(context, self, [dim1, dim2], [-2, -1])
    rows, columns = wholes(matrices.shape[-2:])
    last = (min(rows, columns) - 1) * (columns + 1)
    return cut(context, flatten(context, matrices, -2, -1), -1, 0, last + 1, columns + 1)
