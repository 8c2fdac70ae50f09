"""How much of the content a stylised picture keeps, and how steadily it follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import scipy.ndimage

from benchmarks.quality.lattice import luma

SHIFTS = range(1, 8)
# Pixels at the border that are left out where shifted pictures are compared.
MARGIN = 16


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Return the structural similarity of the luma of two pictures (height, width, 3) in [0, 1].

    Wang et al. 2004, with their Gaussian window (deviation 1.5, 11 pixels) and constants, the mean over the places
    where the window lies inside.
    """
    x, y = luma(one), luma(other)
    mean_x, mean_y, xx, yy, xy = (_window(values) for values in (x, y, x * x, y * y, x * y))
    small, least = 0.01**2, 0.03**2
    means = (2 * mean_x * mean_y + small) / (mean_x**2 + mean_y**2 + small)
    spread = (2 * (xy - mean_x * mean_y) + least) / (xx - mean_x**2 + yy - mean_y**2 + least)
    return float(np.mean((means * spread)[5:-5, 5:-5]))


def _window(values: np.ndarray) -> np.ndarray:
    return scipy.ndimage.gaussian_filter(values, 1.5, radius=5)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean cosine of feature vectors (height, width, channels) at the same places."""
    products = np.sum(one * other, axis=-1)
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return float(np.mean(products / np.maximum(lengths, 1e-8)))


def shift_difference(
    stylize: Callable[[np.ndarray], np.ndarray], photo: np.ndarray, shifts: Iterable[int] = SHIFTS
) -> float:
    """Return by how much the result moves otherwise than the photo, in grey levels of 255, the mean over the shifts.

    The photo is shifted along both axes; results are compared inside, without MARGIN pixels.

    Args:
        stylize: from pictures (height, width, 3) to such.
        photo: (height, width, 3) in [0, 1].
        shifts: pixels, at least 1.
    """
    shifts = list(shifts)
    height, width = (size - max(shifts) for size in photo.shape[:2])
    still = stylize(photo[:height, :width])
    return float(np.mean([_moved(stylize, photo, still, shift) for shift in shifts]))


def _moved(stylize: Callable[[np.ndarray], np.ndarray], photo: np.ndarray, still: np.ndarray, shift: int) -> float:
    height, width = still.shape[:2]
    moved = stylize(photo[shift : shift + height, shift : shift + width])
    # Row i of the shifted picture is row i + shift of the other one.
    same = still[shift:, shift:], moved[: height - shift, : width - shift]
    one, other = (values[MARGIN:-MARGIN, MARGIN:-MARGIN] for values in same)
    return 255.0 * float(np.mean(np.abs(one - other)))
