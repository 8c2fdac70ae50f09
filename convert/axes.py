"""Mapping the axes of Torch7's and Caffe's tensors to Keras: channels last for pictures and volumes.

In Torch7 and Caffe a picture is (batch, channels, height, width) and a volume (batch, channels, depth, height, width);
here the channels come last.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import KerasTensor, ops

CHANNELS_LAST_RANKS = (4, 5)


def source_permutation(rank: int) -> tuple[int, ...]:
    """Return for each axis of the source the axis of the Keras tensor that holds it."""
    return (0, rank - 1, *range(1, rank - 1)) if rank in CHANNELS_LAST_RANKS else tuple(range(rank))


def keras_permutation(rank: int) -> tuple[int, ...]:
    """Return for each axis of the Keras tensor the axis of the source that it holds."""
    return (0, *range(2, rank), 1) if rank in CHANNELS_LAST_RANKS else tuple(range(rank))


def keras_axis(axis: int, rank: int) -> int:
    """Return where the source's `axis` (from 0 on) of a tensor with `rank` axes stands in the Keras tensor."""
    return source_permutation(rank)[axis]


def keras_shape(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    """Return the shape of the Keras tensor for `shape` in the source's order."""
    return tuple(shape[axis] for axis in keras_permutation(len(shape)))


def source_shape(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    """Return the shape in the source's order for that of a Keras tensor."""
    return tuple(shape[axis] for axis in source_permutation(len(shape)))


def to_source_order(tensor: KerasTensor) -> KerasTensor:
    """Return a Keras tensor with the axes in the source's order."""
    rank = len(tensor.shape)
    return ops.transpose(tensor, source_permutation(rank)) if rank in CHANNELS_LAST_RANKS else tensor


def from_source_order(tensor: KerasTensor) -> KerasTensor:
    """Return a tensor in the source's order as Keras has it."""
    rank = len(tensor.shape)
    return ops.transpose(tensor, keras_permutation(rank)) if rank in CHANNELS_LAST_RANKS else tensor


def array_to_source_order(array: np.ndarray) -> np.ndarray:
    """Return an array of a Keras model with the axes in the source's order."""
    return array.transpose(source_permutation(array.ndim))


def array_from_source_order(array: np.ndarray) -> np.ndarray:
    """Return an array in the source's order as the Keras model takes it."""
    return array.transpose(keras_permutation(array.ndim))
