"""Writing TIFF files of 16 bits a channel."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from images.color_profiles import srgb_profile
from images.errors import ImageError
from images.writing import whole_file


def write_deep_tiff(path: str | os.PathLike, pixels: np.ndarray) -> None:
    """Write a TIFF of 16 bits a channel, without loss (deflate), with the sRGB profile embedded, whole or not at all.

    Values are clipped to [0, 1] and rounded to the nearest of the 65536 levels.

    Args:
        path: where to write; its folder must exist; a file there is replaced.
        pixels: floats (height, width, 3), RGB, sRGB-encoded, in [0, 1].

    Raises:
        ImageError: values that are not numbers, or the file cannot be written.
    """
    import tifffile

    path = Path(path)
    if not np.isfinite(pixels).all():
        raise ImageError(f"{path}: the picture holds values that are not numbers or infinite")
    levels = np.floor(np.clip(pixels, 0, 1) * 65535 + 0.5).astype(np.uint16)
    try:
        with whole_file(path) as file:
            tifffile.imwrite(file, levels, photometric="rgb", compression="zlib", iccprofile=srgb_profile())
    except OSError as error:
        raise ImageError(f"{path}: cannot be written: {error}") from error
