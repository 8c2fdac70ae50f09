"""Resizing pictures: antialiased, in floating point."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from images.errors import ImageError
from images.picture import MAX_PIXELS, Picture
from images.rows import PictureRows

# Of the Lanczos filter, on each side of its middle.
LOBES = 3
# Longer side of a style picture for a network that takes it at any size, as most of them were trained.
MAX_STYLE_SIDE = 512


def resize(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return `values` at another size: Lanczos (three lobes), widened for shrinking so that nothing aliases.

    It works on the sRGB-encoded values, as picture programs do, and clips the filter's overshoot to [0, 1].

    Args:
        values: floats (height, width) or (height, width, channels) in [0, 1].
        height: rows of the result.
        width: columns of the result.

    Returns:
        float32, with the channels of `values`; `values` themselves where they have that size.

    Raises:
        ImageError: a size below 1, or more pixels than MAX_PIXELS.
    """
    _check_pixels(height, width)
    if values.shape[:2] == (height, width):
        return values
    if values.ndim == 2:
        image = Image.fromarray(np.asarray(values, np.float32))  # mode F: 32-bit floats
        return np.clip(np.asarray(image.resize((width, height), Image.Resampling.LANCZOS)), 0, 1)
    return np.dstack([resize(values[..., channel], height, width) for channel in range(values.shape[2])])


def read_style(path: Path, size: tuple[int, int] | None) -> np.ndarray:
    """Return the picture of a file (height, width, 3) for a network for any style.

    Args:
        path: the file.
        size: the (height, width) that the middle of it shall fill; None: MAX_STYLE_SIDE pixels a side at most.

    Raises:
        ImageError: it cannot be read.
    """
    from images.reading import read_image

    picture = read_image(path)
    if size is not None:
        return cover(picture.pixels, *size)
    longer = max(picture.height, picture.width)
    return picture.pixels if longer <= MAX_STYLE_SIDE else resize_long_side(picture, MAX_STYLE_SIDE).pixels


def cover(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the middle of `pixels` (rows, columns, channels) that fills a size, its proportions kept.

    Raises:
        ImageError: a size below 1, or more pixels than MAX_PIXELS.
    """
    factor = max(height / pixels.shape[0], width / pixels.shape[1])
    rows = max(height, round(pixels.shape[0] * factor))
    columns = max(width, round(pixels.shape[1] * factor))
    top, left = (rows - height) // 2, (columns - width) // 2
    return resize(pixels, rows, columns)[top : top + height, left : left + width]


def _check_pixels(height: int, width: int) -> None:
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise ImageError(f"cannot resize to {width} x {height}: 1 to {MAX_PIXELS} pixels are allowed")


def size_of_long_side(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Return the height and width that a picture has with its longer side at `long_side` pixels.

    Raises:
        ImageError: a size below 1, or more pixels than MAX_PIXELS.
    """
    factor = long_side / max(height, width)
    size = max(1, round(height * factor)), max(1, round(width * factor))
    _check_pixels(*size)
    return size


def resize_long_side(picture: Picture, long_side: int) -> Picture:
    """Return `picture` with its longer side at `long_side` pixels, larger or smaller, its proportions kept.

    Where the picture is transparent its colours count by their alpha, so that colours hidden under
    transparent pixels do not bleed into visible ones.

    Raises:
        ImageError: a size below 1, or more pixels than MAX_PIXELS.
    """
    size = size_of_long_side(picture.height, picture.width, long_side)
    pixels = resize(picture.pixels, *size)
    if picture.alpha is None:
        return Picture(pixels)
    alpha = resize(picture.alpha, *size)
    weighted = resize(picture.pixels * picture.alpha[..., None], *size)
    visible = alpha[..., None] > 1 / 512  # below half a level of alpha the quotient is noise that nobody sees
    pixels = np.where(visible, weighted / np.maximum(alpha, 1 / 512)[..., None], pixels)
    return Picture(np.clip(pixels, 0, 1), alpha)


def resized_rows(content: PictureRows, height: int, width: int) -> PictureRows:
    """Return a picture, of any channels, at another size, resized row by row when they are read; without transparency.

    Its rows are those of `resize`, but for the overshoot of the filter, which is not clipped.

    Args:
        content: the picture; of the same size it is returned itself.
        height: rows of the result.
        width: columns of the result.
    """
    if (height, width) == (content.height, content.width):
        return content
    factor = content.height / height
    reach = math.ceil(LOBES * max(factor, 1)) + 1

    def read(rows: range) -> np.ndarray:
        first = max(0, math.floor(rows.start * factor) - reach)
        last = min(content.height, math.ceil(rows.stop * factor) + reach)
        values = content.read_rows(range(first, last))
        box = (0, rows.start * factor - first, content.width, min(rows.stop * factor, content.height) - first)
        return np.dstack(
            [_resized_part(values[..., channel], len(rows), width, box) for channel in range(values.shape[2])]
        )

    return PictureRows(height, width, read)


def _resized_part(values: np.ndarray, height: int, width: int, box: tuple[float, float, float, float]) -> np.ndarray:
    """Return what lies in a box (left, top, right, bottom) of `values` at another size; the filter sees beyond it."""
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS, box=box))
