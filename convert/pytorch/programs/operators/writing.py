"""Parts of tensors written: what becomes of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.pytorch.programs.context import Context
from convert.pytorch.programs.operators.arithmetic import copy, fill_masked
from convert.pytorch.programs.operators.joining import concatenate, cut, index_select, is_end
from convert.pytorch.programs.operators.reshaping import permute, reshape_as, transpose, unsqueeze
from convert.pytorch.programs.registry import back_of, operator
from convert.pytorch.programs.sizes import computed
from convert.pytorch.programs.values import BatchNeeded, FreeSize, OperatorError, Value, whole, wholes


@back_of("slice")
@operator("slice_scatter")
def write_slice(
    context: Context, self: Value, src: Value, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Value:
    """Self with other numbers from `start` to `end` along an axis, at every `step`-th position."""
    size = self.shape[self.axis(dim)]
    if (start or 0, step) == (0, 1) and is_end(self, self.axis(dim), end):
        return src
    if size is None and self.axis(dim) == 0:
        raise BatchNeeded("writes some pictures of a batch")
    given = [0 if start is None else start, None if is_end(self, self.axis(dim), end) else end]
    if size is not None and not any(isinstance(one, FreeSize) for one in given):
        first, last, stride = slice(given[0], given[1], whole(step)).indices(size)
        if stride != 1:
            return _at_positions(context, self, src, dim, np.arange(first, last, stride))
        given = [first, max(first, last)]
    elif whole(step) != 1 or _is_mixed(*given):
        raise OperatorError("writes into parts of an axis whose size is free, which is not supported in this way")
    begin, stop = given
    parts = [src]
    if not (type(begin) is int and begin == 0):
        parts.insert(0, cut(context, self, dim, 0, begin))
    if stop is not None and not (type(stop) is int and stop == size):
        parts.append(cut(context, self, dim, stop))
    return concatenate(context, parts, dim) if len(parts) > 1 else src


def _is_mixed(begin: Any, end: Any) -> bool:
    """Return whether a part begins and ends at numbers that count from different ends, so that it may be empty."""
    return type(begin) is int and type(end) is int and begin != 0 and (begin < 0) != (end < 0)


def _at_positions(context: Context, value: Value, part: Value, dim: int, positions: np.ndarray) -> Value:
    """Return a value with other numbers at positions of an axis of a known size."""
    size = whole(value.shape[value.axis(dim)])
    table = np.arange(size)
    table[positions] = size + np.arange(len(positions))
    return index_select(context, concatenate(context, [value, part], dim), dim, Value(table))


@back_of("narrow")
def write_narrow(context: Context, self: Value, src: Value, dim: int, start: Any, length: Any) -> Value:
    """Self with other numbers at so many positions from `start` on."""
    return write_slice(context, self, src, dim, start, computed("add", start, length))


@back_of("select")
@operator("select_scatter")
def write_position(context: Context, self: Value, src: Value, dim: int, index: Any) -> Value:
    """Self with other numbers at one position of an axis."""
    axis, place = self.axis(dim), whole(index)
    return write_slice(context, self, unsqueeze(context, src, axis), axis, place, None if place == -1 else place + 1)


@operator("index_put", "_index_put_impl")
def write_positions(
    context: Context, self: Value, indices: Sequence[Value | None], values: Value, accumulate: bool = False
) -> Value:
    """Self with other numbers at positions of one axis, or one number where a mask is true."""
    given = [(axis, one) for axis, one in enumerate(indices) if one is not None]
    if len(given) != 1 or accumulate:
        raise OperatorError("is supported along one axis, without accumulation")
    ((axis, places),) = given
    if places.dtype == "bool" and axis == 0 and values.is_constant and values.tensor.size == 1:
        mask = places
        for _ in range(self.rank - mask.rank):
            mask = unsqueeze(context, mask, -1)
        return fill_masked(context, self, mask, values)
    if not places.is_constant or self.shape[axis] is None or places.rank != 1:
        raise OperatorError("needs constant numbers of positions along an axis of a known size")
    numbers = np.flatnonzero(places.tensor) if places.dtype == "bool" else places.tensor
    part = copy(context, index_select(context, self, axis, Value(numbers)), values)
    return _at_positions(context, self, part, axis, numbers)


@back_of("view")
def write_view(context: Context, self: Value, src: Value, size: Any) -> Value:
    """The numbers in the sizes that they had."""
    return reshape_as(context, src, self)


@back_of("squeeze", "unsqueeze")
def write_squeezed(context: Context, self: Value, src: Value, dim: Any = None) -> Value:
    """The numbers with the axes that they had."""
    return reshape_as(context, src, self)


@back_of("permute")
def write_permuted(context: Context, self: Value, src: Value, dims: Any) -> Value:
    """The axes in the order that they had."""
    order = [self.axis(one) for one in wholes(dims)]
    return permute(context, src, [order.index(axis) for axis in range(self.rank)])


@back_of("transpose", "swapaxes", "swapdims")
def write_transposed(context: Context, self: Value, src: Value, dim0: int, dim1: int) -> Value:
    """The two axes exchanged again."""
    return transpose(context, src, dim0, dim1)


@back_of("alias", "detach")
def write_alias(context: Context, self: Value, src: Value) -> Value:
    """The same numbers."""
    return src
