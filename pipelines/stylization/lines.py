"""Detail smoothed along the lines of a picture: line integral convolution of short straight lines.

See pipelines.stylization.brush for what it is for, and for the papers.
"""

from __future__ import annotations

import functools
import math

import cv2
import numpy as np

from images.rows import PictureRows

# The lines along which detail is smoothed: half of their length in pixels, the deviation of the Gaussian along them (a
# network's weave has a period of two to four pixels), and in how many directions.
LINE_REACH, LINE_SIGMA, DIRECTIONS = 3, 1.5, 8
# Strokes are not straight, and lose by it: what they are given back, so that the spectrum is that of brush 1 again.
LINE_GAIN = 1.3
# Below it a direction is the less clear, and the mean of all directions takes its place; a gradient whose square has
# this size is none.
MIN_COHERENCE, SMALL = 0.1, 1e-8
# Of the cubic kernel that places a line's points between pixels.
CUBIC_REACH = 2


def along_lines(detail: PictureRows, guide: PictureRows, rows: range, brush_size: float) -> np.ndarray:
    """Return rows of detail smoothed along the lines of a guide: float32 (rows, width, 3).

    Args:
        detail: of a picture.
        guide: picture of the same size.
        rows: which.
        brush_size: in whose surroundings, of three times as many pixels, lines have one direction.
    """
    window = math.ceil(3 * brush_size)
    # The gradient's own reach is LINE_REACH + 1.
    reach = max(window + LINE_REACH + 1, LINE_REACH + CUBIC_REACH)
    near = range(max(0, rows.start - reach), min(detail.height, rows.stop + reach))
    directions, clear = _directions(guide.read_rows(near), window)
    values = detail.read_rows(near)
    smooth = np.zeros_like(values)
    for number in range(DIRECTIONS):
        distance = np.abs((directions - number + DIRECTIONS / 2) % DIRECTIONS - DIRECTIONS / 2)
        share = clear * np.maximum(0, 1 - distance) + (1 - clear) / DIRECTIONS
        kernel = _line(math.pi * number / DIRECTIONS)
        smooth += share[..., np.newaxis] * cv2.filter2D(values, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return smooth[rows.start - near.start : rows.stop - near.start]


def _directions(picture: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the lines of a picture lead, and how clearly, float32 (height, width) each.

    They are at right angles to the larger eigenvector of the structure tensor (Foerstner & Guelch 1987): 0 along the
    rows, DIRECTIONS back again. Clear is 1 where the tensor is of one direction, and 0 where all are alike.
    """
    grey = cv2.GaussianBlur(picture.mean(axis=-1), (2 * LINE_REACH + 1,) * 2, 1.0, borderType=cv2.BORDER_REPLICATE)
    right, down = (cv2.Sobel(grey, -1, *order, borderType=cv2.BORDER_REPLICATE) for order in ((1, 0), (0, 1)))

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (2 * window + 1,) * 2, window / 3, borderType=cv2.BORDER_REPLICATE)

    squares, others, products = mean(right * right), mean(down * down), mean(right * down)
    coherence = np.hypot(squares - others, 2 * products) / (squares + others + SMALL)
    gradient = np.arctan2(2 * products, squares - others) / 2
    return (gradient / np.pi + 0.5) % 1 * DIRECTIONS, np.minimum(coherence / MIN_COHERENCE, 1)


@functools.cache
def _line(angle: float) -> np.ndarray:
    """Return a kernel for the mean along a line, times LINE_GAIN; the angle is from the rows, clockwise."""
    reach = LINE_REACH + CUBIC_REACH
    places = np.arange(-reach, reach + 1)
    along = np.arange(-LINE_REACH, LINE_REACH + 1)
    shares = np.exp(-0.5 * (along / LINE_SIGMA) ** 2)
    columns, rows = (_cubic(places - along[:, np.newaxis] * side) for side in (math.cos(angle), math.sin(angle)))
    return (np.einsum("p,py,px->yx", shares, rows, columns) * (LINE_GAIN / shares.sum())).astype(np.float32)


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Return Keys' kernel (1981, "Cubic Convolution Interpolation for Digital Image Processing")."""
    x = np.abs(distance)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < CUBIC_REACH, far, 0))
