"""Guides: how much of each position of a feature map belongs to a region of the picture."""

from __future__ import annotations

import numpy as np

from describe.positions import Positions


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
