"""Guides: how much of each position of a feature map belongs to a region of the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Positions:
    """Where the positions of a feature map lie along one axis of the picture.

    Attributes:
        first: the centre of the first position, in pixels; pixel i has its centre at i.
        step: distance of neighbouring positions, in pixels.
        count: number of positions.
    """

    first: float
    step: float
    count: int

    def convolved(self, margin: int) -> Positions:
        """Return the positions after a convolution that drops `margin` positions at both sides."""
        return Positions(self.first + margin * self.step, self.step, self.count - 2 * margin)

    def pooled(self) -> Positions:
        """Return the positions after a pooling of two by two, the last of an odd number dropped."""
        return Positions(self.first + self.step / 2, 2 * self.step, self.count // 2)

    def halved(self, margin: int) -> Positions:
        """Return every second position, after `margin` positions at both sides are dropped."""
        return Positions(self.first + margin * self.step, 2 * self.step, -(-(self.count - 2 * margin) // 2))


def guide_at(mask: np.ndarray, rows: Positions, columns: Positions) -> np.ndarray:
    """Return the share of the mask in the square of one step around each position.

    Gatys et al. 2016 make their guides by pooling in the same way; around each position they count what stands in
    the middle of its receptive field, not all of it, so that neighbouring regions do not mix.

    Args:
        mask: (height, width) of 0 and 1 or anything between.
        rows: positions along the height.
        columns: positions along the width.

    Returns:
        float64 (rows.count, columns.count) in [0, 1].
    """
    return _average(_average(np.asarray(mask, dtype=np.float64), rows).T, columns).T


def _average(values: np.ndarray, positions: Positions) -> np.ndarray:
    """Return the means along the first axis of windows of one step around the positions, cut at the ends."""
    size = len(values)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    centers = positions.first + positions.step * np.arange(positions.count) + 0.5
    starts, ends = (np.clip(centers + sign * positions.step / 2, 0, size) for sign in (-1, 1))
    return (_sum_until(sums, ends) - _sum_until(sums, starts)) / (ends - starts)[:, np.newaxis]


def _sum_until(sums: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the sum of values up to fractional positions."""
    whole = np.minimum(np.floor(ends).astype(int), len(sums) - 2)
    return sums[whole] + (ends - whole)[:, np.newaxis] * (sums[whole + 1] - sums[whole])
