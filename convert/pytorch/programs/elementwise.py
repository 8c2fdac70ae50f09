"""Operations on tensors element by element, broadcast as in PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras import KerasTensor, ops

from convert.axes import CHANNELS_LAST_RANKS, array_from_source_order, from_source_order
from convert.pytorch.programs.context import MAX_GRAPH_CONSTANT, Context
from convert.pytorch.programs.sizes import by_sizes, is_fraction
from convert.pytorch.programs.values import BatchNeeded, FreeSize, OperatorError, Value
from layers import RangeBySizes

MAX_CONSTANT = 1 << 26  # numbers of a constant that is computed


def check_constant(shape: Sequence[int]) -> None:
    """Check the sizes of a constant before it is computed.

    Raises:
        OperatorError: it has too many numbers.
    """
    if math.prod(shape) > MAX_CONSTANT:
        raise OperatorError(f"makes a constant of the sizes {tuple(shape)!r:.80}; {MAX_CONSTANT:,} numbers are allowed")


def elementwise(context: Context, function: Callable[..., Any], *operands: Any) -> Value:
    """Return what a function of Keras tensors makes of values and numbers that are broadcast to each other."""
    operands = tuple(size_tensor(context, one) if isinstance(one, FreeSize) else one for one in operands)
    values = [operand for operand in operands if isinstance(operand, Value)]
    if all(value.is_constant for value in values):
        check_constant(np.broadcast_shapes(*(value.tensor.shape for value in values)))
        return Value(function(*(operand.tensor if isinstance(operand, Value) else operand for operand in operands)))
    rank = max(value.rank for value in values)
    _check_batch(context, [(1,) * (rank - value.rank) + value.shape for value in values])
    return Value(
        function(*(_aligned(context, operand, rank) if isinstance(operand, Value) else operand for operand in operands))
    )


def _check_batch(context: Context, shapes: Sequence[tuple[int | None, ...]]) -> None:
    """Raise BatchNeeded where a free number of pictures meets a known one, with which the program was recorded."""
    firsts = [shape[0] for shape in shapes if shape and None not in shape[1:]]
    if context.anchor.shape[0] is None and None in firsts and any(size not in (None, 1) for size in firsts):
        raise BatchNeeded("computes with the number of pictures that the program was recorded with")


def size_tensor(context: Context, size: FreeSize) -> Value:
    """Return a free size as a tensor of one number."""
    if is_fraction(size):
        return elementwise(context, ops.true_divide, *size.parts[1:])
    return Value(by_sizes(RangeBySizes, context.anchor.sized, [size, 1]))


def _aligned(context: Context, value: Value, rank: int) -> Any:
    """Return a value with `rank` axes in Keras' order, so that it broadcasts as it does in PyTorch."""
    missing = rank - value.rank
    if not value.is_constant:
        if not missing:
            return value.tensor
        return from_source_order(ops.expand_dims(value.source(), tuple(range(missing))))
    array = value.tensor
    if array.size == 1:
        return array.item()
    if array.size <= MAX_GRAPH_CONSTANT or array.dtype.kind != "f":
        return array_from_source_order(array.reshape((1,) * missing + array.shape))
    tensor: KerasTensor = context.parameter(value)
    if missing:
        tensor = ops.reshape(tensor, (1,) * missing + array.shape)
    return from_source_order(tensor) if rank in CHANNELS_LAST_RANKS else tensor


def number_or_value(operand: Any) -> Any:
    """Return an operand, a constant of one number as that number."""
    if isinstance(operand, Value) and operand.is_constant and np.size(operand.tensor) == 1:
        return operand.tensor.item()
    return operand
