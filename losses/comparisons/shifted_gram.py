"""Gram matrices of features and of features some positions away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from layers.spatial import take_lines
from losses.features import Comparison

# (rows, columns) between two positions.
Shift = tuple[int, int]


class ShiftedGramComparison(Comparison):
    """The squared difference of shifted Gram matrices relative to their targets, the mean over shifts.

    Berger & Memisevic 2017, "Incorporating Long-Range Consistency in CNN-Based Texture Generation": which features
    occur together some positions apart, which holds rows, lines and weaves where Gram matrices hold what is at one
    place. Here features are without their means, which Gram matrices have already and which outweigh everything else
    in products of rectified features. The whole map is needed, no strips of it.

    Args:
        target: G*, as `shifted_gram_matrices` gives it, (shifts, channels, channels).
        shifts: (rows, columns), none negative, less than the maps' sizes.
        wraps: whether the maps repeat (vertically, horizontally).
        least: what the size of each target counts as at least.
    """

    def __init__(
        self,
        target: np.ndarray,
        shifts: Sequence[Shift],
        wraps: tuple[bool, bool] = (False, False),
        least: float = 0.0,
    ) -> None:
        self.target = np.asarray(target, np.float32)
        self.shifts = tuple(shifts)
        self.wraps = wraps
        self._norms = np.maximum(np.sum(np.square(self.target, dtype=np.float64), axis=(1, 2)), least**2)

    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return the shifted Gram matrices."""
        return [shifted_gram_matrices(features, self.shifts, self.wraps)]

    def distance(self, sums: Sequence[Any]) -> Any:
        """Return the loss of the only entry of `sums`, (batch, shifts, channels, channels)."""
        (found,) = sums
        difference = found - ops.convert_to_tensor(self.target, dtype=found.dtype)
        norms = ops.convert_to_tensor(self._norms, dtype=found.dtype)
        return ops.mean(ops.sum(ops.square(difference), axis=(2, 3)) / norms)

    def __str__(self) -> str:
        shifts = ", ".join(f"{rows}/{columns}" for rows, columns in self.shifts)
        return f"Gram matrices shifted by {shifts} positions, relative to their targets"


def shifted_gram_matrices(features: Any, shifts: Sequence[Shift], wraps: tuple[bool, bool] = (False, False)) -> Any:
    """Return the covariances of features and those some positions below and to the right.

    Args:
        features: (batch, height, width, channels).
        shifts: (rows, columns), none negative, less than the maps' sizes.
        wraps: whether the maps repeat (vertically, horizontally).

    Returns:
        float32 (batch, shifts, channels, channels): rows are channels here, columns those away.
    """
    values = ops.cast(features, "float32")
    values = values - ops.mean(values, axis=(1, 2), keepdims=True)
    return ops.stack([_covariance(*_shifted(values, shift, wraps)) for shift in shifts], axis=1)


def _shifted(values: Any, shift: Shift, wraps: tuple[bool, bool]) -> tuple[Any, Any]:
    """Return the values that have others so far away, and those."""
    here = there = values
    for axis, count, wrap in zip((1, 2), shift, wraps, strict=True):
        if wrap:
            there = ops.roll(there, -count, axis=axis)
        else:
            kept = values.shape[axis] - count
            here, there = take_lines(here, axis, 0, kept), take_lines(there, axis, count, kept)
    return here, there


def _covariance(here: Any, there: Any) -> Any:
    batch, height, width, channels = here.shape
    flat, other = (ops.reshape(values, (batch, height * width, channels)) for values in (here, there))
    return ops.matmul(ops.transpose(flat, (0, 2, 1)), other) / (height * width)
