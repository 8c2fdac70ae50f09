"""Faults of a picture that is repeated: its seam, and what comes again too often within it."""

from __future__ import annotations

import numpy as np

from benchmarks.quality.lattice import luma

# Shorter lags belong to the texture's own grain.
MIN_LAG = 16


def seam(picture: np.ndarray) -> float:
    """Return how much neighbouring lines differ across the tile's edges, over how much they do inside; the worse axis.

    1 where the edge is a line like all others.

    Args:
        picture: (height, width, 3) in [0, 1].
    """
    ratios = []
    for axis in (0, 1):
        inside = np.abs(np.diff(picture, axis=axis)).mean()
        across = np.abs(picture.take(0, axis) - picture.take(-1, axis)).mean()
        ratios.append(across / inside)
    return float(max(ratios))


def repetition(picture: np.ndarray, *, wraps: bool) -> float:
    """Return the highest peak of the autocorrelation beyond MIN_LAG pixels: 1 where everything comes again.

    Of a picture that wraps it is circular; else it is that of the pixels that overlap, for lags up to half the
    picture.

    Args:
        picture: (height, width, 3) in [0, 1].
        wraps: whether the picture is a tile.
    """
    correlation = autocorrelation(luma(picture), wraps=wraps)
    lags = [np.fft.fftfreq(size, 1 / size) for size in correlation.shape]
    distance = np.hypot(lags[0][:, None], lags[1])
    allowed = (distance > MIN_LAG) & (np.maximum(np.abs(lags[0])[:, None], np.abs(lags[1])) <= _reach(picture, wraps))
    return float(correlation[allowed].max())


def _reach(picture: np.ndarray, wraps: bool) -> int:
    return min(picture.shape[:2]) // 2 if not wraps else max(picture.shape[:2])


def autocorrelation(gray: np.ndarray, *, wraps: bool) -> np.ndarray:
    """Return the normalised autocorrelation of (height, width) by lag, lags in the order of `numpy.fft.fftfreq`.

    Without wrapping each lag has the mean over the pixels that overlap.
    """
    shape = gray.shape if wraps else tuple(2 * size for size in gray.shape)
    values = gray - gray.mean()
    sums, counts = (_correlated(part, shape) for part in (values, np.ones_like(values)))
    return sums / np.maximum(counts, 1) / values.var()


def _correlated(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.real(np.fft.ifft2(np.abs(np.fft.fft2(values, shape)) ** 2))
