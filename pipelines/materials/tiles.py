"""Faults of tiles: visible seams, and structures that repeat within the tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from images.picture import LUMA
from losses.pictures.regularity import autocorrelation

# Shorter lags belong to the texture's own grain.
MIN_LAG = 16
# Differences, relative to the largest number, up to which they are rounding.
ROUNDING = 1e-6


def seam(picture: np.ndarray, axes: Sequence[int] = (0, 1)) -> float:
    """Return how much neighbouring lines differ across the tile's edges, over how much they do inside; the worse axis.

    1 where the edge is a line like all others, or where nothing differs at all.

    Args:
        picture: (height, width, channels).
        axes: 0 where it repeats vertically, 1 horizontally.
    """
    ratios = []
    for axis in axes:
        inside = np.abs(np.diff(picture, axis=axis)).mean()
        across = np.abs(picture.take(0, axis) - picture.take(-1, axis)).mean()
        ratios.append(across / inside if inside > _rounding(picture) else 1.0)
    return float(max(ratios))


def well_cut(maps: Mapping[str, np.ndarray], axes: Sequence[int]) -> dict[str, np.ndarray]:
    """Return maps that repeat along some axes, rolled together so that the edges are lines like all others in each.

    What repeats can be cut anywhere; where a gap or an edge of one map lies the cut would be seen.

    Args:
        maps: (height, width, channels) by key.
        axes: 0 where they repeat vertically, 1 horizontally.
    """
    shifts = [(-_best_cut(list(maps.values()), axis), axis) for axis in axes]
    amounts, rolled = [shift for shift, _ in shifts], [axis for _, axis in shifts]
    return {key: np.roll(values, amounts, axis=rolled) for key, values in maps.items()}


def _best_cut(maps: Sequence[np.ndarray], axis: int) -> int:
    """Return the line that shall become the first: in no map is it much unlike the one before it, or too much alike."""
    differing = [(values, np.abs(values - np.roll(values, 1, axis)).mean(axis=(1 - axis, 2))) for values in maps]
    ratios = [lines / lines.mean() for values, lines in differing if lines.mean() > _rounding(values)]
    return int(np.abs(np.array(ratios) - 1).max(axis=0).argmin()) if ratios else 0


def _rounding(values: np.ndarray) -> float:
    """Return how far the numbers of a map of one value may lie apart."""
    return ROUNDING * float(np.abs(values).max())


def repetition(picture: np.ndarray, *, wraps: bool) -> float:
    """Return the highest peak of the autocorrelation beyond MIN_LAG pixels: 1 where everything comes again.

    Of a picture that wraps it is circular; else it is that of the pixels that overlap, for lags up to half the
    picture. A picture without any differences has 1.

    Args:
        picture: (height, width, 1 or 3).
        wraps: whether the picture is a tile.
    """
    values = grey_of(picture)
    if np.ptp(values) <= _rounding(values):
        return 1.0
    correlation = autocorrelation(values, wraps=wraps)
    lags = [np.fft.fftfreq(size, 1 / size) for size in correlation.shape]
    distance = np.hypot(lags[0][:, None], lags[1])
    allowed = (distance > MIN_LAG) & (np.maximum(np.abs(lags[0])[:, None], np.abs(lags[1])) <= _reach(picture, wraps))
    return float(correlation[allowed].max(initial=-1))


def grey_of(picture: np.ndarray) -> np.ndarray:
    """Return the luma of a picture (height, width, 3), or its only channel: float64 (height, width)."""
    values = picture.astype(np.float64)
    return values @ LUMA.astype(np.float64) if values.shape[2] == 3 else values[..., 0]


def _reach(picture: np.ndarray, wraps: bool) -> int:
    return min(picture.shape[:2]) // 2 if not wraps else max(picture.shape[:2])
