"""Constants that a program makes."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from convert.functions import added
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.elementwise import elementwise
from convert.pytorch.programs.operators.arithmetic import TYPES, add, cast
from convert.pytorch.programs.operators.reshaping import reshape
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.sizes import by_sizes, computed, reshaped_by_sizes
from convert.pytorch.programs.values import FreeSize, OperatorError, Value, whole, wholes
from layers import RangeBySizes

MAX_NUMBERS = 1 << 24  # of a constant that a program makes


def _numpy_type(dtype: Any, number: Any = 0.0) -> np.dtype:
    if dtype is None:
        kind = "bool" if isinstance(number, bool) else "int32" if isinstance(number, int) else "float32"
        return np.dtype(kind)
    if dtype not in TYPES:
        raise OperatorError(f"the type {dtype} is not supported")
    return np.dtype(TYPES[dtype])


def _full(context: Context, size: Any, number: Any, dtype: Any) -> Value:
    frees = [one for one in size if isinstance(one, FreeSize)] if isinstance(size, (list, tuple)) else []
    known = [one for one in size if not isinstance(one, FreeSize)] if frees else size
    sizes = wholes(known) if known not in ((), []) else ()
    if min(sizes, default=1) < 0 or math.prod(sizes) > MAX_NUMBERS:
        raise OperatorError(f"makes a tensor of the sizes {sizes}; at most {MAX_NUMBERS:,} numbers are allowed")
    kind = _numpy_type(dtype, number)
    return _full_by_sizes(context, size, number, kind.name) if frees else Value(np.full(sizes, number, kind))


def _full_by_sizes(context: Context, sizes: Sequence[Any], number: Any, dtype: str) -> Value:
    """Return a tensor of one number in sizes that depend on those of the inputs."""
    count: Any = 1
    for one in sizes:
        count = computed("mul", count, one)
    flat = ops.cast(ops.zeros_like(by_sizes(RangeBySizes, context.anchor.sized, [0, count])), dtype)
    filled = flat if not number else ops.full_like(flat, number)
    return Value.from_source(reshaped_by_sizes(filled, sizes))


@operator("zeros", "empty")
def zeros(context: Context, size: Any, dtype: Any = None, **placement: Any) -> Value:
    """Zeros."""
    return _full(context, size, 0.0, dtype)


@operator("ones")
def ones(context: Context, size: Any, dtype: Any = None, **placement: Any) -> Value:
    """Ones."""
    return _full(context, size, 1.0, dtype)


@operator("full")
def full(context: Context, size: Any, fill_value: Any, dtype: Any = None, **placement: Any) -> Value:
    """One number everywhere."""
    return _full(context, size, fill_value, dtype)


@operator("new_zeros")
def new_zeros(context: Context, self: Value, size: Any, dtype: Any = None, **placement: Any) -> Value:
    """Zeros of the type of another tensor."""
    return _full(context, size, 0.0 if self.dtype == "float32" else 0, dtype)


@operator("new_ones")
def new_ones(context: Context, self: Value, size: Any, dtype: Any = None, **placement: Any) -> Value:
    """Ones of the type of another tensor."""
    return _full(context, size, 1.0 if self.dtype == "float32" else 1, dtype)


@operator("new_full")
def new_full(context: Context, self: Value, size: Any, fill_value: Any, dtype: Any = None, **placement: Any) -> Value:
    """One number everywhere."""
    return _full(context, size, fill_value, dtype)


@operator("zeros_like", "empty_like")
def zeros_like(context: Context, self: Value, *placement: Any, **named: Any) -> Value:
    """Zeros of the sizes of another tensor."""
    return Value(ops.zeros_like(self.tensor))


@operator("ones_like")
def ones_like(context: Context, self: Value, *placement: Any, **named: Any) -> Value:
    """Ones of the sizes of another tensor."""
    return Value(ops.ones_like(self.tensor))


@operator("full_like")
def full_like(context: Context, self: Value, fill_value: Any, *placement: Any, **named: Any) -> Value:
    """One number in the sizes of another tensor."""
    return Value(ops.full_like(self.tensor, fill_value))


@operator("arange")
def arange(context: Context, *bounds: Any, dtype: Any = None, **named: Any) -> Value:
    """Numbers from start on, below end, by steps."""
    given = (*bounds, *(named[key] for key in ("start", "end", "step") if key in named))
    if any(isinstance(number, FreeSize) for number in given):
        return _range(context, given, dtype)
    numbers = [whole(number) if isinstance(number, (FreeSize, Value)) else number for number in given]
    made = np.arange(*numbers)
    if made.size > MAX_NUMBERS:
        raise OperatorError(f"makes {made.size:,} numbers; at most {MAX_NUMBERS:,} are allowed")
    return Value(made.astype(_numpy_type(dtype, 0.0 if made.dtype.kind == "f" else 0)))


def _range(context: Context, bounds: Sequence[Any], dtype: Any) -> Value:
    """Return whole numbers between bounds one of which depends on sizes."""
    start, end, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    if whole(step) != 1:
        raise OperatorError("makes numbers up to a size by steps, which is not supported")
    made = Value(by_sizes(RangeBySizes, context.anchor.sized, [start, computed("sub", end, start)]))
    return made if dtype is None else cast(context, made, dtype=dtype)


@operator("linspace")
def linspace(context: Context, start: float, end: float, steps: Any, dtype: Any = None, **placement: Any) -> Value:
    """So many numbers from start to end."""
    if isinstance(steps, FreeSize):
        numbers = Value(by_sizes(RangeBySizes, context.anchor.sized, [0, steps]))
        return elementwise(context, lambda x, n: _between(x, n, start, end), numbers, steps)
    return Value(np.linspace(start, end, whole(steps)).astype(_numpy_type(dtype)))


def _between(numbers: Any, count: Any, start: float, end: float) -> Any:
    """Return numbers from 0 to count - 1 spread from start to end, symmetrically, as in PyTorch."""
    step = (end - start) / ops.cast(ops.maximum(ops.subtract(count, 1), 1), "float32")
    after = ops.cast(ops.subtract(ops.subtract(count, 1), numbers), "float32")
    numbers = ops.cast(numbers, "float32")
    return ops.where(ops.less(numbers, after), start + numbers * step, end - after * step)


@operator("meshgrid")
def mesh(context: Context, tensors: Sequence[Value], indexing: str = "ij") -> list[Value]:
    """Vectors repeated over a grid, each along its own axis; "xy" exchanges the first two axes of the grid."""
    order = list(range(len(tensors)))
    if indexing == "xy":
        order[:2] = reversed(order[:2])
    wide = [reshape(context, one, [-1 if axis == place else 1 for axis in order]) for place, one in enumerate(tensors)]
    zeros = elementwise(context, lambda *parts: functools.reduce(added, map(ops.zeros_like, parts)), *wide)
    return [add(context, one, zeros) for one in wide]


@operator("eye")
def identity_matrix(context: Context, n: Any, m: Any = None, dtype: Any = None, **placement: Any) -> Value:
    """Ones on the diagonal of a matrix, zeros elsewhere."""
    rows, columns = whole(n), whole(n if m is None else m)
    zeros = _full(context, [rows, columns], 0.0, dtype).tensor
    np.fill_diagonal(zeros, 1)
    return Value(zeros)


@operator("scalar_tensor")
def scalar(context: Context, s: Any, dtype: Any = None, **placement: Any) -> Value:
    """One number."""
    return Value(np.asarray(s, _numpy_type(dtype, s)))


@operator("sym_size", "size")
def size(context: Context, self: Value, dim: int | None = None) -> Any:
    """The size of an axis, or those of all."""
    sizes = [FreeSize(self, axis) if number is None else number for axis, number in enumerate(self.shape)]
    return sizes if dim is None else sizes[self.axis(dim)]
