"""Writing the maps of a surface: PNG and TIFF of 8 or 16 bits, OpenEXR of half or float; whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from images.color_profiles import linear_light, srgb_profile
from images.data.exr import write_exr
from images.errors import ImageError, reason
from images.large.png import png_chunk
from images.large.tiff import to_deep_levels
from images.temporary_files import whole_file
from images.writing import to_bytes

# Of a PNG file: its signature and first chunk.
PNG_HEAD = 33


def write_map(path: Path, values: np.ndarray, *, bits: int, is_color: bool) -> None:
    """Write a map in the format that the suffix of `path` names.

    Whole numbers are rounded to the nearest, halves upwards. Colours are marked as sRGB (PNG: chunk sRGB, TIFF: ICC
    profile); in OpenEXR, which holds linear light, they are converted. Data are stored as they are, without a mark.

    Args:
        path: ends in .png, .tiff or .exr; a file there is replaced.
        values: floats (height, width, 1 or 3); in [0, 1] but for data in OpenEXR.
        bits: of a channel: 8 or 16, OpenEXR 16 (half) or 32 (float).
        is_color: whether these are sRGB-encoded colours.

    Raises:
        ImageError: values that the format cannot hold, or the file cannot be written.
    """
    if path.suffix == ".exr":
        write_exr(path, linear_light(values) if is_color else values, bits=bits)
        return
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise ImageError(f"{path}: values from {values.min():g} to {values.max():g}; this format allows 0 to 1")
    levels = (to_bytes if bits == 8 else to_deep_levels)(values)
    try:
        with whole_file(path) as file:
            file.write(_png(levels, is_color) if path.suffix == ".png" else _tiff(levels, is_color))
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be written: {reason(error)}") from error


def _png(levels: np.ndarray, is_color: bool) -> bytes:
    """Return the bytes of a PNG file; Pillow has no 16-bit colours."""
    import imagecodecs

    data = bytes(imagecodecs.png_encode(levels[..., 0] if levels.shape[2] == 1 else levels))
    return data[:PNG_HEAD] + png_chunk(b"sRGB", b"\0") + data[PNG_HEAD:] if is_color else data


def _tiff(levels: np.ndarray, is_color: bool) -> bytes:
    """Return the bytes of a TIFF file."""
    import tifffile

    file = io.BytesIO()
    tifffile.imwrite(
        file,
        levels[..., 0] if levels.shape[2] == 1 else levels,
        photometric="minisblack" if levels.shape[2] == 1 else "rgb",
        compression="zlib",
        iccprofile=srgb_profile() if is_color else None,
        metadata=None,
    )
    return file.getvalue()
