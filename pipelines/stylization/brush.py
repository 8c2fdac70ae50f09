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

from collections.abc import Callable, Iterator

import numpy as np

from images.picture import Picture
from images.resizing import resized_rows
from images.rows import PictureRows, rows_of

# Pixels of a picture that are worked on at a time beside the network, about.
PART_PIXELS = 1 << 20

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
    from pipelines.stylization.lines import along_lines  # loads OpenCV

    guide = _clipped(_sum(base, _detail(content, first)))
    detail = _detail(rows_of(Picture(paint(guide))), first)

    def smooth(rows: range) -> np.ndarray:
        return np.concatenate([along_lines(detail, guide, some, brush_size) for some in pieces(rows, guide.width)])

    return _clipped(_sum(base, _rows_like(detail, smooth)))


def parts(picture: PictureRows) -> Iterator[range]:
    """Yield the rows of a picture, about PART_PIXELS at a time."""
    return pieces(range(picture.height), picture.width)


def pieces(rows: range, width: int) -> Iterator[range]:
    """Yield rows of a picture of this width, about PART_PIXELS at a time."""
    step = max(1, PART_PIXELS // width)
    for start in range(rows.start, rows.stop, step):
        yield range(start, min(start + step, rows.stop))


def _detail(picture: PictureRows, size: tuple[int, int]) -> PictureRows:
    """Return what a picture loses when it is reduced to a size (height, width)."""
    rest = resized_rows(resized_rows(picture, *size), picture.height, picture.width)
    return _rows_like(picture, lambda rows: picture.read_rows(rows) - rest.read_rows(rows))


def _sum(first: PictureRows, second: PictureRows) -> PictureRows:
    return _rows_like(first, lambda rows: first.read_rows(rows) + second.read_rows(rows))


def _clipped(picture: PictureRows) -> PictureRows:
    return _rows_like(picture, lambda rows: np.clip(picture.read_rows(rows), 0, 1))


def _rows_like(picture: PictureRows, read: Callable[[range], np.ndarray]) -> PictureRows:
    return PictureRows(picture.height, picture.width, read)
