"""PNG files written row by row (W3C, "Portable Network Graphics Specification")."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

import numpy as np

from images.rows import Metadata

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB, RGB_ALPHA = 2, 6
PAETH = 4
BAND_ROWS = 64
METERS_AN_INCH = 0.0254


def write_png(file: BinaryIO, levels: np.ndarray, profile: bytes, metadata: Metadata) -> None:
    """Write a PNG of 8 bits a channel; some rows are in memory at a time.

    Args:
        file: open for writing.
        levels: uint8 (height, width, 3), or with alpha (height, width, 4).
        profile: ICC profile of the colours.
        metadata: EXIF data and resolution to write.

    Raises:
        OSError: the file cannot be written.
    """
    height, width, channels = levels.shape
    kind = RGB if channels == 3 else RGB_ALPHA
    file.write(SIGNATURE)
    file.write(png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)))
    file.write(png_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)))
    if metadata.resolution is not None:
        across, down = (round(value / METERS_AN_INCH) for value in metadata.resolution)
        file.write(png_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.exif is not None:
        file.write(png_chunk(b"eXIf", metadata.exif.removeprefix(b"Exif\0\0")))
    _write_pixels(file, levels)
    file.write(png_chunk(b"IEND", b""))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file: its length, its kind of four letters, its data and their checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _write_pixels(file: BinaryIO, levels: np.ndarray) -> None:
    compressor = zlib.compressobj()
    above = np.zeros_like(levels[:1])
    for start in range(0, len(levels), BAND_ROWS):
        band = levels[start : start + BAND_ROWS]
        data = compressor.compress(_filtered(band, above))
        above = band[-1:]
        if data:
            file.write(png_chunk(b"IDAT", data))
    file.write(png_chunk(b"IDAT", compressor.flush()))


def _filtered(band: np.ndarray, above: np.ndarray) -> bytes:
    """Return rows as differences from Paeth's predictor, each with the number of its filter in front.

    Args:
        band: uint8 (rows, width, channels).
        above: the row before, (1, width, channels).
    """
    padded = np.pad(np.concatenate([above, band]).astype(np.int16), ((0, 0), (1, 0), (0, 0)))
    left, up, corner = padded[1:, :-1], padded[:-1, 1:], padded[:-1, :-1]
    from_left, from_up = np.abs(up - corner), np.abs(left - corner)
    from_corner = np.abs(left + up - 2 * corner)
    predicted = np.where(from_up <= from_corner, up, corner)
    predicted = np.where((from_left <= from_up) & (from_left <= from_corner), left, predicted)
    rows = (padded[1:, 1:] - predicted).astype(np.uint8).reshape(len(band), -1)
    return np.insert(rows, 0, PAETH, axis=1).tobytes()
