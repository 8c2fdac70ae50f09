"""Faults of pictures that need no reference: a lattice of few pixels, and borders unlike the middle."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

PERIODS = (2, 4, 8)
CELL = max(PERIODS)
# Bins of the spectrum that a period is compared with, counted from its own: beyond the main lobe of the window.
NEAREST, FARTHEST = 3, 12
# Diagonals on either side of the main one.
DIAGONALS = 64
BORDER = 4  # rows and columns
MIDDLE = 16  # pixels from the border


def luma(picture: np.ndarray) -> np.ndarray:
    """Return the luma (Rec. 601) of a picture (height, width, 3), float64 (height, width)."""
    return picture.astype("float64") @ np.array([0.299, 0.587, 0.114])


def lattice_power(picture: np.ndarray) -> float:
    """Return the power at the worst of PERIODS over that of the frequencies beside it.

    Power is that of the picture's lines under a Hann window, averaged over rows, columns and both diagonals, of which
    the worst counts; beside it is the median. A picture without a lattice has about 1.

    Args:
        picture: (height, width, 3) in [0, 1], at least 128 pixels a side.
    """
    gray = luma(picture)
    lines = (gray, gray.T, _diagonals(gray), _diagonals(gray[:, ::-1]))
    return max(_excess(spectrum, period) for spectrum in map(_spectrum, lines) for period in PERIODS)


def lattice_height(picture: np.ndarray) -> float:
    """Return from peak to peak, in grey levels of 255, what repeats every CELL pixels along the worst direction.

    A mean over CELL x CELL pixels is subtracted first, in which a lattice of any of PERIODS is even; what is left is
    averaged over all lines with the same place in the cell.

    Args:
        picture: (height, width, 3) in [0, 1].
    """
    gray = luma(picture)
    fine = (gray - scipy.ndimage.uniform_filter(gray, CELL))[CELL:-CELL, CELL:-CELL]
    rows, columns = np.mgrid[: fine.shape[0], : fine.shape[1]]
    return 255.0 * max(_ripple(fine, places) for places in (rows, columns, rows + columns, rows - columns))


def border_distances(picture: np.ndarray) -> tuple[float, float]:
    """Return how far the border is from the middle: (mean, variance), each the mean over the four sides.

    A side is its BORDER outermost rows or columns. The difference of means is in standard deviations of the middle; of
    variances it is the logarithm of the ratio. Both are without sign.

    Args:
        picture: (height, width, 3) in [0, 1].
    """
    gray = luma(picture)
    middle = gray[MIDDLE:-MIDDLE, MIDDLE:-MIDDLE]
    sides = (gray[:BORDER], gray[-BORDER:], gray[:, :BORDER], gray[:, -BORDER:])
    least = 1e-6  # of an even side
    means = [abs(side.mean() - middle.mean()) / (middle.std() + least) for side in sides]
    variances = [abs(np.log((side.var() + least) / (middle.var() + least))) for side in sides]
    return float(np.mean(means)), float(np.mean(variances))


def _diagonals(gray: np.ndarray) -> np.ndarray:
    """Return the diagonals about the main one, of equal length: (diagonals, length)."""
    size = min(gray.shape)
    square = gray[:size, :size]
    length = size - DIAGONALS
    return np.stack([np.diagonal(square, offset)[:length] for offset in range(-DIAGONALS, DIAGONALS + 1)])


def _spectrum(lines: np.ndarray) -> np.ndarray:
    """Return the mean power of the lines (count, length), whose length is cut to a multiple of CELL."""
    lines = lines[:, : lines.shape[1] // CELL * CELL]
    lines = (lines - lines.mean(axis=1, keepdims=True)) * np.hanning(lines.shape[1] + 1)[:-1]
    return np.mean(np.abs(np.fft.rfft(lines, axis=1)) ** 2, axis=0)


def _excess(spectrum: np.ndarray, period: int) -> float:
    own = 2 * (len(spectrum) - 1) // period
    beside = [own + side * step for step in range(NEAREST, FARTHEST + 1) for side in (-1, 1)]
    values = [spectrum[i] for i in beside if 0 < i < len(spectrum)]
    return float(spectrum[own] / max(np.median(values), 1e-12))


def _ripple(fine: np.ndarray, places: np.ndarray) -> float:
    return float(np.ptp(np.bincount((places % CELL).ravel(), fine.ravel()) / np.bincount((places % CELL).ravel())))
