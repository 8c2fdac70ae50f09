"""TIFF files of 8 or 16 bits a channel, read and written piece by piece."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from images.large.exif import ORIENTATION, append_directories, text_tags
from images.rows import Metadata, Resolution

if TYPE_CHECKING:
    import tifffile

# No compression of TIFF makes a picture smaller by more; larger pieces are decoded with the whole picture.
MAX_COMPRESSION, MAX_BAND_BYTES = 1100, 2 * 10**8
# Bands of strips or tiles that stay decoded: strips of a picture overlap.
MAX_BANDS = 3
BLACK_IS_ZERO, RGB, CONTIGUOUS, STRAIGHT = 1, 2, 1, 2
PROFILE = 34675
# Rows of a piece.
STRIP_ROWS = 64
# A file of more bytes before compression is written as BigTIFF.
MAX_TIFF_BYTES = 4 * 10**9


def write_tiff(file: BinaryIO, levels: np.ndarray, profile: bytes, metadata: Metadata) -> None:
    """Write a TIFF without loss (deflate), in strips of some rows, as BigTIFF where it is large.

    Args:
        file: open for reading and writing.
        levels: uint8 or uint16 (height, width, 3), or with an alpha that is not multiplied into the colours
            (height, width, 4); only some rows are in memory at a time where it is a mapped file.
        profile: of the colours.
        metadata: EXIF data and resolution to write.

    Raises:
        OSError: the file cannot be written.
    """
    import tifffile

    is_big, resolution = levels.nbytes > MAX_TIFF_BYTES, metadata.resolution
    with tifffile.TiffWriter(file, byteorder="<", bigtiff=is_big) as tiff:
        tiff.write(
            _strips(levels),
            shape=levels.shape,
            dtype=levels.dtype,
            photometric="rgb",
            extrasamples=["unassalpha"] if levels.shape[2] > 3 else None,
            rowsperstrip=STRIP_ROWS,
            compression="zlib",
            iccprofile=profile,
            resolution=resolution,
            resolutionunit=None if resolution is None else "INCH",
            metadata=None,
            software=False,
            extratags=[] if metadata.exif is None else list(text_tags(metadata.exif)),
        )
    if metadata.exif is not None:
        append_directories(file, metadata.exif, big=is_big)


def _strips(levels: np.ndarray) -> Iterator[bytes]:
    """Yield the compressed strips."""
    for start in range(0, len(levels), STRIP_ROWS):
        strip = levels[start : start + STRIP_ROWS]
        yield zlib.compress(strip.astype(strip.dtype.newbyteorder("<")).tobytes())


def to_deep_levels(values: np.ndarray) -> np.ndarray:
    """Return values in [0, 1] as uint16: clipped, then rounded to the nearest of 65536 levels, halves upwards."""
    return np.floor(np.clip(values, 0, 1) * 65535 + 0.5).astype(np.uint16)


class TiffRows:
    """The first picture of a TIFF or BigTIFF whose strips or tiles are decoded as they are needed.

    Args:
        path: the file, whose `is_readable` holds.

    Attributes:
        height: rows.
        width: columns.
        samples: channels: 1 or 3, and an alpha that is not multiplied into the colours.
        bits: of a channel, 8 or 16.
        profile: of the colours, or None.
        orientation: that of EXIF, 1 to 8.
    """

    def __init__(self, path: Path) -> None:
        import tifffile

        self._file = tifffile.TiffFile(path)
        self._page = page = self._file.pages.first
        self.height, self.width, self.samples = page.imagelength, page.imagewidth, page.samplesperpixel
        self.bits = page.bitspersample
        self.profile: bytes | None = tag_value(page, PROFILE, None)
        self.resolution = tiff_resolution(page)
        self.orientation: int = tag_value(page, ORIENTATION, 1)
        self._band_rows = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
        self._across = -(-self.width // page.tilewidth) if page.is_tiled else 1
        self._band = lru_cache(MAX_BANDS)(self._decode_band)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def page_count(self) -> int:
        """Number of the file's pictures, without thumbnails and masks; 1 where those behind the first are damaged."""
        try:
            pages = [page.aspage() for page in self._file.pages]
        except Exception:  # of many kinds: the first page may be sound
            return 1
        return sum(not (page.is_reduced or page.is_mask) for page in pages)

    @property
    def is_readable(self) -> bool:
        """Whether it is a picture of a kind that is read piece by piece: grey or RGB, unsigned."""
        return self._is_plain and self._is_whole

    @property
    def _is_whole(self) -> bool:
        """Whether the file has as many pieces as it claims, and bytes for as many pixels."""
        page, bands = self._page, -(-self.height // max(1, self._band_rows))
        row_bytes = self.width * self.samples * self.bits // 8
        return (
            len(page.dataoffsets) == len(page.databytecounts) == bands * self._across
            and self.height * row_bytes <= MAX_COMPRESSION * self._file.filehandle.size
            and self._band_rows * row_bytes <= MAX_BAND_BYTES
        )

    @property
    def _is_plain(self) -> bool:
        page = self._page
        colors = {BLACK_IS_ZERO: 1, RGB: 3}.get(page.photometric, 0)
        return (
            colors > 0
            and (self.samples == colors or (self.samples == colors + 1 and tuple(page.extrasamples) == (STRAIGHT,)))
            and page.planarconfig == CONTIGUOUS
            and page.sampleformat == 1
            and self.bits in (8, 16)
            and page.axes in ("YX", "YXS")
            and 1 <= self.orientation <= 8
        )

    def read(self, rows: range) -> np.ndarray:
        """Return the levels of some rows: uint8 or uint16 (rows, width, samples)."""
        first, last = rows.start // self._band_rows, (rows.stop - 1) // self._band_rows
        bands = np.concatenate([self._band(number) for number in range(first, last + 1)])
        start = rows.start - first * self._band_rows
        return bands[start : start + len(rows)]

    def read_all(self, levels: np.ndarray) -> None:
        """Put all levels into an array (height, width, samples)."""
        for start in range(0, self.height, self._band_rows):
            rows = range(start, min(start + self._band_rows, self.height))
            levels[rows.start : rows.stop] = self.read(rows)

    def _decode_band(self, number: int) -> np.ndarray:
        count = min(self._band_rows, self.height - number * self._band_rows)
        parts = [self._decode(number * self._across + column)[:count] for column in range(self._across)]
        return np.concatenate(parts, axis=1)[:, : self.width]

    def _decode(self, index: int) -> np.ndarray:
        """Return one strip or tile: (rows, columns, samples)."""
        handle = self._page.parent.filehandle
        handle.seek(self._page.dataoffsets[index])
        data = handle.read(self._page.databytecounts[index])
        decoded = self._page.decode(data, index, jpegtables=self._page.jpegtables)[0]
        if decoded is None:  # a tile that the file leaves out: nothing was painted there
            length, width = self._page.chunks[:2]
            return np.zeros((length, width, self.samples), f"uint{self.bits}")
        return decoded[0]


def tag_value(page: tifffile.TiffPage, code: int, default: Any) -> Any:
    """Return the value of a page's tag, `default` where it has none of this code."""
    tag = page.tags.get(code)
    return default if tag is None else tag.value


def tiff_resolution(page: tifffile.TiffPage) -> Resolution | None:
    """Return the pixels an inch that a page tells, or None."""
    values = [page.get_resolution(unit="INCH")[axis] for axis in (0, 1)] if "XResolution" in page.tags else []
    return (values[0], values[1]) if values and all(1 < value < 1e5 for value in values) else None
