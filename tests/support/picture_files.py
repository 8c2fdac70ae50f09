"""Hand-made picture files: PNG chunks and ICC profiles that no library at hand writes."""

import struct
import zlib

import numpy as np

GREY, RGB, GREY_ALPHA, RGB_ALPHA = 0, 2, 4, 6


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_file(width, height, depth, kind, scanlines: bytes, *, interlaced=False, chunks=()) -> bytes:
    """Return a PNG of unfiltered `scanlines`, each with its filter byte 0 in front; `chunks` go before the data."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, int(interlaced))
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            *(png_chunk(*chunk) for chunk in chunks),
            png_chunk(b"IDAT", zlib.compress(scanlines)),
            png_chunk(b"IEND", b""),
        )
    )


def scanlines(values: np.ndarray) -> bytes:
    """Return (height, width, channels) of 16-bit values as PNG's rows."""
    return b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)


def interlaced_scanlines(values: np.ndarray) -> bytes:
    """Return the rows of the seven passes of Adam7."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    parts = (values[top::down, left::right] for top, left, down, right in passes)
    return b"".join(scanlines(part) for part in parts if part.size)


# Adobe RGB (1998) and ProPhoto RGB, adapted to D50 as their profiles hold them (columns red, green, blue).
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO_RGB = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491))
D50 = (0.9642, 1.0, 0.8249)


def gamma_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def table_curve(values) -> bytes:
    table = np.round(np.asarray(values) * 65535).astype(">u2").tobytes()
    return b"curv" + bytes(4) + struct.pack(">I", len(values)) + table + bytes(-len(table) % 4)


def parametric_curve(kind: int, *values: float) -> bytes:
    numbers = struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + numbers


def _xyz(values) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _profile(space: bytes, connection: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    description = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {b"desc": description, b"wtpt": _xyz(D50)} | tags
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", start + len(data), len(value))
        data += value
    header = struct.pack(">I4sI", start + len(data), b"test", 0x02100000) + kind + space + connection
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(D50)[8:]
    return header.ljust(128, b"\0") + table + data


def rgb_profile(colorants, *curves: bytes) -> bytes:
    """Return a display profile of three primaries (XYZ under D50) and one tone curve or three."""
    curves = curves * 3 if len(curves) == 1 else curves
    tags = {name: _xyz(xyz) for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)}
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags | dict(zip((b"rTRC", b"gTRC", b"bTRC"), curves, strict=True)))


def grey_profile(curve: bytes) -> bytes:
    return _profile(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": curve})


def table_profile(space: bytes, corners: np.ndarray) -> bytes:
    """Return a printer profile that is a table of L*a*b* at the corners of the colour cube.

    Args:
        space: b"CMYK" or b"RGB ".
        corners: (2 ** channels, 3) L*, a*, b*; the last channel changes fastest.
    """
    channels = len(space.strip())
    lab = np.round(corners * (2.55, 1, 1) + (0, 128, 128)).astype(np.uint8)
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    table = b"mft1" + bytes(4) + struct.pack("BBBB", channels, 3, 2, 0) + identity
    table += ramp * channels + lab.tobytes() + ramp * 3
    return _profile(space, b"Lab ", b"prtr", {b"A2B0": table})
