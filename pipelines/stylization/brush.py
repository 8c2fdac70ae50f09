"""Strokes of another size than a network was trained for: its own, painted on a smaller picture and then sharpened.

The strokes of a network have a size in pixels: on a large photo they are fine, for print often too fine. A smaller
picture has larger ones, but is blurred when it is enlarged. Here the network sharpens it: the picture is stylised at
1/brush of its size and enlarged, the detail of the photo that the small one did not have is added, and the network
stylises this once more at full size. Of its second answer only that detail is taken, and of this only what runs along
the lines of what the network saw, which are the large strokes and the photo's: what lies across them are strokes of
the small size, and the weave of the network's own enlargements, which would cover what is flat. That is a Laplacian
pyramid of two levels (Burt & Adelson 1983) with the network's first answer as its base and the second one as its top,
smoothed along its lines (line integral convolution, Cabral & Leedom 1993, of short straight lines in the direction of
the structure tensor, as coherence-enhancing filters do: Kyprianidis & Kang 2011, "Image and Video Abstraction by
Coherence-Enhancing Filtering").

It follows the coarse-to-fine scheme of Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer"
(arXiv:1611.08511), section 6, in which a large picture starts from the enlarged small one. They optimise pixels, and
the base stays by itself; a network of one pass would paint its small strokes over it, so here the pyramid keeps it.
URST (Chen et al. 2022, arXiv:2103.11784) trains networks with a loss for larger strokes; this takes any as it is. The
detail of the full-size picture stylised, without the second pass, was sharp too, but had the photo's fine lines beside
the strokes; a pyramid of as many levels as there are octaves repeated the grid of the network's own enlargements; a
weight by the energy of the base's finest octave left a part of the weave everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from images.picture import Picture
from images.resizing import resized_rows
from images.rows import PictureRows, rows_of

# Pixels of a picture that are worked on at a time beside the network, about.
PART_PIXELS = 1 << 20

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

# From a picture to it stylised: float32 (height, width, 3) in [0, 1].
Paint = Callable[[PictureRows], np.ndarray]


def painted_sizes(height: int, width: int, brush_size: float) -> list[tuple[int, int]]:
    """Return the (height, width) at which the network sees a picture, in their order."""
    first = max(1, round(height / brush_size)), max(1, round(width / brush_size))
    return [first, (height, width)] if brush_size > 1 else [first]


def with_brush(content: PictureRows, brush_size: float, paint: Paint) -> PictureRows:
    """Return a picture stylised with strokes of `brush_size` times the size that the network gives them.

    Below 1 the picture is stylised larger and reduced.

    Args:
        content: the picture.
        brush_size: above 0; with 1 the result is what `paint` gives.
        paint: the network, for pictures of all `painted_sizes`.

    Returns:
        A picture of the size of `content`, with values in [0, 1]; its rows are put together when they are read.
    """
    first = painted_sizes(content.height, content.width, brush_size)[0]
    stylized = rows_of(Picture(paint(_clipped(resized_rows(content, *first)))))
    base = resized_rows(stylized, content.height, content.width)
    if brush_size <= 1:
        return _clipped(base)
    guide = _clipped(_sum(base, _detail(content, first)))
    sharpened = rows_of(Picture(paint(guide)))
    return _clipped(_sum(base, _along(_detail(sharpened, first), guide, brush_size)))


def parts(picture: PictureRows) -> Iterator[range]:
    """Yield the rows of a picture, about PART_PIXELS at a time."""
    return _pieces(range(picture.height), picture.width)


def _pieces(rows: range, width: int) -> Iterator[range]:
    step = max(1, PART_PIXELS // width)
    for start in range(rows.start, rows.stop, step):
        yield range(start, min(start + step, rows.stop))


def _detail(picture: PictureRows, size: tuple[int, int]) -> PictureRows:
    """Return what a picture loses when it is reduced to a size (height, width)."""
    rest = resized_rows(resized_rows(picture, *size), picture.height, picture.width)
    return _rows_like(picture, lambda rows: picture.read_rows(rows) - rest.read_rows(rows))


def _along(detail: PictureRows, guide: PictureRows, brush_size: float) -> PictureRows:
    """Return detail smoothed along the lines of a guide, a picture of the same size."""
    window = math.ceil(3 * brush_size)
    kernels = [_line(math.pi * number / DIRECTIONS) for number in range(DIRECTIONS)]
    reach = max(window + LINE_REACH + 1, kernels[0].shape[0] // 2)  # the gradient's own reach is LINE_REACH + 1

    def read(rows: range) -> np.ndarray:
        near = range(max(0, rows.start - reach), min(detail.height, rows.stop + reach))
        directions, clear = _directions(guide.read_rows(near), window)
        values = detail.read_rows(near)
        smooth = np.zeros_like(values)
        for number, kernel in enumerate(kernels):
            distance = np.abs((directions - number + DIRECTIONS / 2) % DIRECTIONS - DIRECTIONS / 2)
            share = clear * np.maximum(0, 1 - distance) + (1 - clear) / DIRECTIONS
            smooth += share[..., np.newaxis] * cv2.filter2D(values, -1, kernel, borderType=cv2.BORDER_REPLICATE)
        return smooth[rows.start - near.start : rows.stop - near.start]

    return _rows_like(detail, lambda rows: np.concatenate([read(some) for some in _pieces(rows, detail.width)]))


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


def _sum(first: PictureRows, second: PictureRows) -> PictureRows:
    return _rows_like(first, lambda rows: first.read_rows(rows) + second.read_rows(rows))


def _clipped(picture: PictureRows) -> PictureRows:
    return _rows_like(picture, lambda rows: np.clip(picture.read_rows(rows), 0, 1))


def _rows_like(picture: PictureRows, read: Callable[[range], np.ndarray]) -> PictureRows:
    return PictureRows(picture.height, picture.width, read)
