"""How regularly a texture repeats, told from its autocorrelation."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from images.picture import LUMA
from images.resizing import resize

# Pixels of the longer side of what is looked at: stones, bricks and threads are larger than that makes a pixel.
SIDE = 256
# Light that changes over a picture is no repetition: a blur by this share of the longer side is subtracted.
SHADING = 1 / 8
# Shifts that are looked at: at least so many pixels, at most this share of each side, beyond which too few pixels
# overlap to tell chance from repetition.
MIN_SHIFT, MAX_SHARE = 5, 0.35
# A peak is higher than all within so many pixels.
NEIGHBOURHOOD = 3


def regularity(source: np.ndarray) -> float:
    """Return how alike a texture is to itself, shifted by its period: 1 where it repeats, about 0 where nothing does.

    It is the autocorrelation of luma at its most prominent peak: the one that stands highest above the lowest place
    on the line from no shift to it. Lin, Hays, Wu, Kwatra & Liu 2006, "Quantitative Evaluation of Near Regular
    Texture Synthesis Algorithms", tell near-regular textures by such lattices of peaks.

    Args:
        source: float32 (height, width, 3) in [0, 1].
    """
    factor = min(1.0, SIDE / max(source.shape[:2]))
    small = resize(source, *(max(1, round(side * factor)) for side in source.shape[:2]))
    luma = small.astype(np.float64) @ LUMA.astype(np.float64)
    even = luma - ndimage.gaussian_filter(luma, SHADING * max(luma.shape))
    if even.var() < 1e-8:
        return 0.0
    # No shift is in the middle, at (height, width).
    correlation = np.fft.fftshift(autocorrelation(even, wraps=False))
    peaks = _peaks(correlation, luma.shape)
    prominences = [correlation[peak] - _lowest_on_the_way(correlation, peak) for peak in peaks]
    return max(0.0, float(correlation[peaks[int(np.argmax(prominences))]])) if peaks else 0.0


def autocorrelation(plane: np.ndarray, *, wraps: bool) -> np.ndarray:
    """Return the normalised autocorrelation of a plane by lag, lags in the order of `numpy.fft.fftfreq`.

    Args:
        plane: (height, width); one without any differences has 1 at every lag.
        wraps: whether it repeats; if not, each lag has the mean over the pixels that overlap.

    Returns:
        float64 (height, width), without wrapping (2 * height, 2 * width).
    """
    values = plane - plane.mean()
    if values.var() == 0:
        return np.ones(plane.shape)
    shape = plane.shape if wraps else tuple(2 * side for side in plane.shape)
    sums, counts = (_products(part, shape) for part in (values, np.ones_like(values)))
    return sums / np.maximum(counts, 1) / values.var()


def _products(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.real(np.fft.ifft2(np.abs(np.fft.fft2(values, shape)) ** 2))


def _peaks(correlation: np.ndarray, shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the places of the peaks among the shifts that are looked at."""
    rows, columns = (np.abs(np.arange(2 * side) - side) for side in shape)
    allowed = (rows <= MAX_SHARE * shape[0])[:, np.newaxis] & (columns <= MAX_SHARE * shape[1])
    allowed &= np.hypot(rows[:, np.newaxis], columns) >= MIN_SHIFT
    highest = correlation == ndimage.maximum_filter(correlation, 2 * NEIGHBOURHOOD + 1)
    return [(int(row), int(column)) for row, column in np.argwhere(highest & allowed)]


def _lowest_on_the_way(correlation: np.ndarray, peak: tuple[int, int]) -> float:
    start = [side // 2 for side in correlation.shape]
    steps = max(abs(end - begin) for begin, end in zip(start, peak, strict=True)) + 1
    line = [np.linspace(begin, end, steps) for begin, end in zip(start, peak, strict=True)]
    return float(ndimage.map_coordinates(correlation, line, order=1).min())
