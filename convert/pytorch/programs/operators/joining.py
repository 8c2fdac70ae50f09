"""Parts of tensors, and tensors joined."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from keras import KerasTensor, ops

from convert.axes import keras_axis
from convert.functions import added
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.elementwise import elementwise
from convert.pytorch.programs.operators.reshaping import flatten
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.sizes import by_sizes, computed, is_same
from convert.pytorch.programs.values import BatchNeeded, FreeSize, OperatorError, Value, whole, wholes
from layers import CropBySizes

END = 2**63 - 1  # where a slice ends that goes to the end


def _keras_axis(value: Value, dim: int) -> int:
    """Return the axis of the value's tensor that is PyTorch's `dim`."""
    axis = value.axis(dim)
    return axis if value.is_constant else keras_axis(axis, value.rank)


def _cut(value: Value, dim: int, part: slice) -> Any:
    return value.tensor[(slice(None),) * _keras_axis(value, dim) + (part,)]


@operator("slice", "slice_copy")
def cut(context: Context, self: Value, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Value:
    """Positions from `start` to `end` along an axis, every `step`-th."""
    axis = self.axis(dim)
    size = self.shape[axis]
    if is_end(self, axis, end):
        end = None
    if any(isinstance(place, FreeSize) for place in (start, end)):
        return _cut_by_sizes(context, self, axis, start, end, step)
    first = 0 if start is None else whole(start)
    last = END if end is None else whole(end)
    if (first, step) == (0, 1) and (last >= END or last == size):
        return self.alias(self.tensor)
    return self.alias(_cut(self, dim, slice(first, None if last >= END else last, whole(step))))


def is_end(value: Value, axis: int, end: Any) -> bool:
    """Return whether a slice that ends there goes to the end of an axis."""
    return end is None or (isinstance(end, int) and end >= END) or is_same(end, FreeSize(value, axis))


def _cut_by_sizes(context: Context, value: Value, axis: int, start: Any, end: Any, step: Any) -> Value:
    """Return the positions between places some of which depend on sizes."""
    if whole(step) != 1:
        raise OperatorError("cuts at a place that depends on a size by steps, which is not supported")
    source = value if not value.is_constant else Value.from_source(context.parameter(value))
    size = value.shape[axis]
    places = [0 if start is None else start, (FreeSize(source, axis) if size is None else size) if end is None else end]
    return value.alias(by_sizes(partial(CropBySizes, keras_axis(axis, value.rank)), source.tensor, places))


@operator("narrow")
def narrow(context: Context, self: Value, dim: int, start: Any, length: Any) -> Value:
    """So many positions from `start` on along an axis."""
    if isinstance(start, FreeSize) or isinstance(length, FreeSize):
        return cut(context, self, dim, start, computed("add", start, length))
    first = whole(start)
    return cut(context, self, dim, first, first + whole(length))


@operator("select", "select_copy")
def select(context: Context, self: Value, dim: int, index: Any) -> Value:
    """One position along an axis, which is then gone."""
    if self.axis(dim) == 0 and self.shape[0] is None and context.anchor.shape[0] is None:
        raise BatchNeeded("takes one picture of a batch")
    return self.view(self.source()[(slice(None),) * self.axis(dim) + (whole(index),)])


@operator("unbind")
def unbind(context: Context, self: Value, dim: int = 0) -> list[Value]:
    """All positions along an axis."""
    return [select(context, self, dim, index) for index in range(_size(self, dim))]


@operator("split", "split_copy")
def split(context: Context, self: Value, split_size: Any, dim: int = 0) -> list[Value]:
    """Parts of one size along an axis, the last one as large as is left; or of several sizes."""
    if isinstance(split_size, (list, tuple)):
        return split_with_sizes(context, self, split_size, dim)
    part, size = whole(split_size), _size(self, dim)
    return [cut(context, self, dim, start, min(start + part, size)) for start in range(0, size, part)]


@operator("split_with_sizes")
def split_with_sizes(context: Context, self: Value, split_sizes: Any, dim: int = 0) -> list[Value]:
    """Parts of several sizes along an axis."""
    ends = np.cumsum(wholes(split_sizes)).tolist()
    return [cut(context, self, dim, start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


@operator("chunk")
def chunk(context: Context, self: Value, chunks: int, dim: int = 0) -> list[Value]:
    """So many parts along an axis."""
    return split(context, self, -(-_size(self, dim) // whole(chunks)), dim)


def _size(value: Value, dim: int) -> int:
    """Return the size of an axis, which must be known."""
    size = value.shape[value.axis(dim)]
    if size is None and value.axis(dim) == 0:
        raise BatchNeeded("takes the batch apart")
    if size is None:
        raise OperatorError("takes apart an axis whose size is free: give the size of the input as `input_shape`")
    return size


@operator("cat", "concat", "concatenate")
def concatenate(context: Context, tensors: Sequence[Value], dim: int = 0) -> Value:
    """Tensors one after the other along an axis."""
    values = [value for value in tensors if value.shape != (0,)]  # PyTorch leaves them out
    if all(value.is_constant for value in values):
        return Value(np.concatenate([value.tensor for value in values], axis=dim))
    joined = [_expanded(context, value, values, dim) for value in values]
    first = next(value for value in values if not value.is_constant)
    return Value(ops.concatenate(joined, axis=keras_axis(first.axis(dim), first.rank)))


@operator("stack")
def stack(context: Context, tensors: Sequence[Value], dim: int = 0) -> Value:
    """Tensors along a new axis."""
    if all(value.is_constant for value in tensors):
        return Value(np.stack([value.tensor for value in tensors], axis=dim))
    return Value.from_source(ops.stack([context.tensor(value) for value in tensors], axis=dim))


def _with_batch(context: Context, value: Value, others: Sequence[Value]) -> KerasTensor:
    """Return a value in Keras' order; one without a free batch is repeated for that of the others."""
    free = next((other for other in others if other.shape[0] is None), None)
    if free is None or value.shape[0] is None:
        return value.tensor if not value.is_constant else Value.from_source(context.parameter(value)).tensor
    if value.shape[0] not in (1, context.batch):
        raise BatchNeeded(f"joins a tensor of {value.shape[0]} pictures to one of any number")
    zeros = ops.zeros_like(free.source()[(slice(None),) + (slice(0, 1),) * (free.rank - 1)])
    first = context.tensor(value)[(slice(0, 1), ...)]
    return Value.from_source(added(first, zeros)).tensor


def _expanded(context: Context, value: Value, others: Sequence[Value], dim: int) -> KerasTensor:
    """Return a value in Keras' order, repeated along axes that are free in others, which `expand` does not do."""
    tensor, joined = _with_batch(context, value, others), value.axis(dim)
    for other in others:
        pairs = enumerate(zip(value.shape, other.shape, strict=True))
        if any(size == 1 and free is None and axis not in (0, joined) for axis, (size, free) in pairs):
            part = other.tensor[(slice(None),) * keras_axis(joined, other.rank) + (slice(0, 1),)]
            return added(tensor, ops.zeros_like(part))
    return tensor


@operator("flip")
def flip(context: Context, self: Value, dims: Any) -> Value:
    """The order along some axes reversed."""
    axes = tuple(_keras_axis(self, dim) for dim in wholes(dims))
    return Value(ops.flip(self.tensor, axis=axes))


@operator("roll")
def roll(context: Context, self: Value, shifts: Any, dims: Any = ()) -> Value:
    """Positions moved along axes; what leaves at one end comes back at the other."""
    if not dims:
        raise OperatorError("without axes is not supported")
    tensor = self.tensor
    for shift, dim in zip(wholes(shifts), wholes(dims), strict=True):
        tensor = ops.roll(tensor, shift, axis=_keras_axis(self, dim))
    return Value(tensor)


@operator("index_select")
def index_select(context: Context, self: Value, dim: int, index: Value) -> Value:
    """Positions along an axis, by their numbers."""
    return Value(ops.take(self.tensor, _numbers(index), axis=_keras_axis(self, dim)))


@operator("index", "_unsafe_index")
def index(context: Context, self: Value, indices: Sequence[Value | None]) -> Value:
    """Positions along one axis, or several neighbouring ones together, by their numbers."""
    given = [(axis, one) for axis, one in enumerate(indices) if one is not None]
    if self.is_constant and all(one.is_constant for _, one in given):
        return Value(self.tensor[tuple(slice(None) if one is None else one.tensor for one in indices)])
    first = given[0][0]
    if [axis for axis, _ in given] != list(range(first, first + len(given))):
        raise OperatorError("is supported along neighbouring axes")
    whole_self, places = self, given[0][1]
    if len(given) > 1:
        places = _joined_places(context, self, given)
        whole_self = flatten(context, self, first, first + len(given) - 1)
    return Value.from_source(ops.take(context.tensor(whole_self), _numbers(places), axis=first))


def _joined_places(context: Context, value: Value, given: Sequence[tuple[int, Value]]) -> Value:
    """Return the numbers of positions along several axes that are joined; each counts from the start.

    Raises:
        OperatorError: one is a mask.
    """
    places = Value(np.int32(0))
    for axis, numbers in given:
        if numbers.dtype == "bool":
            raise OperatorError("masks of several axes are not supported")
        size = FreeSize(value, axis) if value.shape[axis] is None else value.shape[axis]
        positive = elementwise(context, lambda i, n: ops.where(ops.less(i, 0), added(i, n), i), numbers, size)
        places = elementwise(context, lambda i, n, j: added(ops.multiply(i, n), j), places, size, positive)
    return places


def _numbers(value: Value) -> Any:
    if not value.is_constant:
        if not value.dtype.startswith("int"):
            raise OperatorError("needs numbers of positions, not a mask that depends on the input")
        return value.source()
    if value.tensor.dtype == bool:
        return np.flatnonzero(value.tensor)
    return value.tensor.astype(np.int32)
