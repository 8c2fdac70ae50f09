"""A picture file that is read once and handed out as floats row by row, so that a large one is never floats whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from images.picture import Picture

# Standard resolution unit of EXIF and of Pillow's `dpi`.
Resolution = tuple[float, float]


@dataclass(frozen=True)
class Metadata:
    """What is known of a picture beside its pixels, and kept when it is written again.

    Attributes:
        exif: an EXIF block whose orientation is upright, or None.
        resolution: pixels an inch, horizontally and vertically, or None.
    """

    exif: bytes | None = None
    resolution: Resolution | None = None


@dataclass(frozen=True, eq=False)
class PictureRows:
    """A picture as its file has it.

    Attributes:
        height: rows, upright.
        width: columns, upright.
        read_rows: from rows to float32 (rows, width, 3), RGB, sRGB-encoded, in [0, 1].
        read_alpha: from rows to float32 (rows, width) in [0, 1]; None where the picture has no transparency.
        bits: of a channel in the file: 8 or 16.
        metadata: beside the pixels.
    """

    height: int
    width: int
    read_rows: Callable[[range], np.ndarray]
    read_alpha: Callable[[range], np.ndarray] | None = None
    bits: int = 8
    metadata: Metadata = field(default_factory=Metadata)

    def picture(self) -> Picture:
        """Return the whole picture."""
        rows = range(self.height)
        return Picture(self.read_rows(rows), None if self.read_alpha is None else self.read_alpha(rows))


def rows_of(picture: Picture, *, bits: int = 8, metadata: Metadata | None = None) -> PictureRows:
    """Return a picture in memory as rows.

    Args:
        picture: float32 in [0, 1], as `Picture` describes.
        bits: of a channel in the file that it came from, 8 or 16.
        metadata: beside the pixels; None: none.
    """
    alpha = picture.alpha
    return PictureRows(
        picture.height,
        picture.width,
        lambda rows: picture.pixels[rows.start : rows.stop],
        None if alpha is None else lambda rows: alpha[rows.start : rows.stop],
        bits,
        metadata or Metadata(),
    )


def rows_of_levels(
    levels: np.ndarray,
    alpha: np.ndarray | None,
    convert: Callable[[np.ndarray], np.ndarray],
    metadata: Metadata,
) -> PictureRows:
    """Return a picture of 8 bits a channel as rows.

    Args:
        levels: uint8 (height, width) or (height, width, channels), upright.
        alpha: uint8 (height, width), or None.
        convert: from some rows of `levels` to float32 (rows, width, 3).
        metadata: beside the pixels.
    """
    return PictureRows(
        levels.shape[0],
        levels.shape[1],
        lambda rows: convert(np.ascontiguousarray(levels[rows.start : rows.stop])),
        None if alpha is None else lambda rows: alpha[rows.start : rows.stop].astype(np.float32) / np.float32(255),
        metadata=metadata,
    )
