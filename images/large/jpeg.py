"""JPEG files written by bands of rows, so that a picture is never encoded whole.

Each band is encoded by itself with the same tables. A restart interval of a band's size (ITU-T T.81, B.2.4.4) makes one
file of their scans: at its ends the decoder starts anew, as each band does.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

# Rows and columns of a block, with chroma at full resolution; blocks between restarts, at most; rows of a band, about.
BLOCK, MAX_INTERVAL, BAND_ROWS = 8, 65535, 512
FRAME, SCAN, RESTART_INTERVAL, FIRST_RESTART = 0xC0, 0xDA, 0xDD, 0xD0
RESTARTS = 8
# What of Pillow's options the tables depend on.
TABLES = ("quality", "subsampling")
END = b"\xff\xd9"


def write_jpeg(file: BinaryIO, levels: np.ndarray, options: Mapping[str, Any]) -> None:
    """Write a baseline JPEG with chroma at full resolution; some rows are in memory at a time.

    Args:
        file: open for writing.
        levels: uint8 (height, width, 3), at most 65535 a side.
        options: for Pillow, the first band's beside quality and subsampling (`icc_profile`, `exif`, `dpi`).

    Raises:
        OSError: the file cannot be written.
    """
    across = -(-levels.shape[1] // BLOCK)
    rows = BLOCK * max(1, min(MAX_INTERVAL // across, BAND_ROWS // BLOCK))
    for number, start in enumerate(range(0, len(levels), rows)):
        band = levels[start : start + rows]
        encoded = _encoded(band, options if number == 0 else {name: options[name] for name in TABLES})
        scan = _scan_start(encoded)
        if number == 0:
            file.write(_header(encoded[:scan], len(levels), across * (rows // BLOCK)))
        else:
            file.write(bytes([0xFF, FIRST_RESTART + (number - 1) % RESTARTS]))
        file.write(encoded[scan : -len(END)])
    file.write(END)


def _encoded(band: np.ndarray, options: Mapping[str, Any]) -> bytes:
    memory = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(band)).save(memory, "JPEG", **options)
    return memory.getvalue()


def _segments(encoded: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of the segments up to the scan's header."""
    start, marker = 2, 0
    while marker != SCAN:
        marker, length = encoded[start + 1], int.from_bytes(encoded[start + 2 : start + 4], "big")
        yield marker, start, start + 2 + length
        start += 2 + length


def _scan_start(encoded: bytes) -> int:
    """Return where the compressed blocks start."""
    return list(_segments(encoded))[-1][2]


def _header(encoded: bytes, height: int, interval: int) -> bytes:
    """Return the segments before the blocks with the whole picture's height and the blocks between restarts."""
    parts = [encoded[:2]]
    for marker, start, stop in _segments(encoded):
        segment = encoded[start:stop]
        if marker == FRAME:  # marker, length, precision, then the height
            segment = segment[:5] + height.to_bytes(2, "big") + segment[7:]
        if marker == SCAN:
            parts.append(bytes([0xFF, RESTART_INTERVAL, 0, 4]) + interval.to_bytes(2, "big"))
        parts.append(segment)
    return b"".join(parts)
