"""Writing TIFF files piece by piece, of 8 or 16 bits a channel."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from images.rows import Resolution

# Rows of a piece.
STRIP_ROWS = 64
# A file of more bytes before compression is written as BigTIFF.
MAX_TIFF_BYTES = 4 * 10**9


def write_tiff(file: BinaryIO, levels: np.ndarray, profile: bytes, resolution: Resolution | None = None) -> None:
    """Write a TIFF without loss (deflate), in strips of some rows, as BigTIFF where it is large.

    Args:
        file: open for writing.
        levels: uint8 or uint16 (height, width, 3), or with an alpha that is not multiplied into the colours
            (height, width, 4); only some rows are in memory at a time where it is a mapped file.
        profile: of the colours.
        resolution: pixels an inch, or None.

    Raises:
        OSError: the file cannot be written.
    """
    import tifffile

    has_alpha = levels.shape[2] > 3
    with tifffile.TiffWriter(file, byteorder="<", bigtiff=levels.nbytes > MAX_TIFF_BYTES) as tiff:
        tiff.write(
            _strips(levels),
            shape=levels.shape,
            dtype=levels.dtype,
            photometric="rgb",
            extrasamples=["unassalpha"] if has_alpha else None,
            rowsperstrip=STRIP_ROWS,
            compression="zlib",
            iccprofile=profile,
            resolution=resolution,
            resolutionunit=None if resolution is None else "INCH",
            metadata=None,
        )


def _strips(levels: np.ndarray) -> Iterator[bytes]:
    """Yield the compressed strips."""
    for start in range(0, len(levels), STRIP_ROWS):
        strip = levels[start : start + STRIP_ROWS]
        yield zlib.compress(strip.astype(strip.dtype.newbyteorder("<")).tobytes())


def to_deep_levels(values: np.ndarray) -> np.ndarray:
    """Return values in [0, 1] as uint16: clipped, then rounded to the nearest of 65536 levels, halves upwards."""
    return np.floor(np.clip(values, 0, 1) * 65535 + 0.5).astype(np.uint16)
