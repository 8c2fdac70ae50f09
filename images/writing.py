"""Writing picture files: 8 bits a channel, sRGB, whole or not at all."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from images.color_profiles import srgb_profile
from images.errors import ImageError, ImageWarning, reason
from images.formats import WRITABLE_FORMATS
from images.large.jpeg import write_jpeg
from images.large.png import write_png
from images.large.tiff import to_deep_levels, write_tiff
from images.rows import Metadata
from images.temporary_files import whole_file

# How Pillow is told to write the formats but TIFF. Lossy WebP always halves the resolution of the chroma (VP8 knows
# 4:2:0 alone), which smears the colours of brush strokes: it is written without loss.
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "PNG": {},
    "WEBP": {"lossless": True, "exact": True},
}
MAX_SIDE = {"JPEG": 65500, "WEBP": 16383}
# Of EXIF data in JPEG, which has one segment for it; other formats have room for what any camera writes.
MAX_JPEG_EXIF_BYTES = 65533
WITHOUT_ALPHA = "JPEG"
# Larger ones go out row by row, TIFF files as BigTIFF where they need it; WebP files do not.
MAX_PILLOW_BYTES = 10**8


def write_image(
    path: str | os.PathLike,
    pixels: np.ndarray,
    *,
    alpha: np.ndarray | None = None,
    metadata: Metadata | None = None,
) -> None:
    """Write a picture as the format that the suffix of `path` names, with the sRGB profile embedded.

    JPEG: quality 95, chroma at full resolution. PNG, TIFF (deflate) and WebP: without loss. Values are
    clipped to [0, 1] and rounded to the nearest of the 256 levels, halves upwards. The file appears whole or
    not at all.

    Args:
        path: where to write; its folder must exist; a file there is replaced.
        pixels: floats (height, width, 3), RGB, sRGB-encoded, in [0, 1].
        alpha: floats (height, width) in [0, 1], or None. JPEG has no transparency: it is left out there.
        metadata: EXIF data and resolution to write, or None.

    Raises:
        ImageError: unknown suffix, wrong shape, values that are not numbers, a size that the format cannot
            hold, or the file cannot be written.

    Warns:
        ImageWarning: an alpha that is not all 1 was left out, or EXIF data that JPEG has no room for.
    """
    path = Path(path)
    if alpha is not None and not keeps_alpha(path):
        if (alpha < 1).any():
            warn_of_lost_alpha(path)
        alpha = None
    _write(path, pixels, alpha, metadata, to_bytes)


def keeps_alpha(path: Path) -> bool:
    """Say whether the format of an output has transparency."""
    return format_of(path) != WITHOUT_ALPHA


def keeps_depth(path: Path, bits: int) -> bool:
    """Say whether a picture of `bits` a channel is one of 16 that goes where they can be kept."""
    return bits > 8 and format_of(path) == "TIFF"


def warn_of_lost_alpha(path: Path) -> None:
    """Warn (ImageWarning) that a picture with transparency goes where there is none."""
    warnings.warn(f"{path}: {format_of(path)} does not support transparency; left out", ImageWarning, stacklevel=3)


def format_of(path: Path) -> str:
    """Return the format that the suffix of an output names.

    Raises:
        ImageError: it names none that is written.
    """
    file_format = WRITABLE_FORMATS.get(path.suffix.lower())
    if file_format is None:
        raise ImageError(f"{path}: unknown picture format (known: {', '.join(sorted(WRITABLE_FORMATS))})")
    return file_format


def check_size(path: Path, height: int, width: int) -> None:
    """Raise ImageError where the format of `path` cannot hold a picture of this size."""
    largest = MAX_SIDE.get(format_of(path), np.inf)
    if max(height, width) > largest:
        raise ImageError(f"{path}: this format allows at most {largest} pixels per side, not {width} x {height}")


def write_levels(path: Path, levels: np.ndarray, *, metadata: Metadata | None = None) -> None:
    """Write levels (height, width, 3 or 4), uint8, or uint16 as TIFF alone, as `write_image` does; 4: with alpha.

    Args:
        path: the file, whose suffix selects the format.
        levels: RGB, sRGB-encoded, from 0 to 255, or to 65535.
        metadata: written beside the pixels; None: none.

    Raises:
        ImageError: the format cannot hold the picture, or the file cannot be written.

    Warns:
        ImageWarning: EXIF data that JPEG has no room for were left out.
    """
    check_size(path, *levels.shape[:2])
    file_format = format_of(path)
    metadata = _fitting(metadata or Metadata(), path)
    try:
        with whole_file(path) as file:
            _write_levels(file, levels, file_format, metadata)
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be written: {reason(error)}") from error


def _fitting(metadata: Metadata, path: Path) -> Metadata:
    """Return of metadata what the format of an output has room for; a warning (ImageWarning) tells what is left out."""
    size = len(metadata.exif or b"")
    if format_of(path) != "JPEG" or size <= MAX_JPEG_EXIF_BYTES:
        return metadata
    message = f"{path}: its {size:,} bytes of EXIF data are left out; JPEG holds at most {MAX_JPEG_EXIF_BYTES:,}"
    warnings.warn(message, ImageWarning, stacklevel=4)
    return replace(metadata, exif=None)


def _write_levels(file: BinaryIO, levels: np.ndarray, file_format: str, metadata: Metadata) -> None:
    """Write large pictures, and all of TIFF, row by row; Pillow, which does the others, holds a copy.

    Pillow 13 fails on TIFF with EXIF data.
    """
    is_large = levels.nbytes > MAX_PILLOW_BYTES
    if file_format == "TIFF":
        return write_tiff(file, levels, srgb_profile(), metadata)
    if file_format == "PNG" and is_large:
        return write_png(file, levels, srgb_profile(), metadata)
    options = {**OPTIONS[file_format], **_kept(metadata), "icc_profile": srgb_profile()}
    if file_format == "JPEG" and is_large:
        return write_jpeg(file, levels, options)
    return save_image(Image.fromarray(levels), file, file_format, **options)


def save_image(image: Image.Image, file: BinaryIO, file_format: str, **options: Any) -> None:
    """Let Pillow encode a picture in memory, and write what comes out.

    Pillow hands a file on the disk to libtiff, which prints lines of its own where the disk is full, and may leave half
    a picture without an error.

    Args:
        image: what is written.
        file: open for writing.
        file_format: Pillow's name of the format.
        **options: how Pillow is told to write it.
    """
    memory = BytesIO()
    image.save(memory, format=file_format, **options)
    file.write(memory.getbuffer())


def _kept(metadata: Metadata) -> dict[str, Any]:
    """Return what Pillow is told of the metadata."""
    options: dict[str, Any] = {} if metadata.exif is None else {"exif": metadata.exif}
    return options if metadata.resolution is None else {**options, "dpi": metadata.resolution}


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Return values in [0, 1] as uint8: clipped, then rounded to nearest, halves upwards."""
    return np.floor(np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def write_deep_tiff(
    path: str | os.PathLike,
    pixels: np.ndarray,
    *,
    alpha: np.ndarray | None = None,
    metadata: Metadata | None = None,
) -> None:
    """Write a TIFF of 16 bits a channel, without loss (deflate), with the sRGB profile embedded, whole or not at all.

    Values are clipped to [0, 1] and rounded to the nearest of the 65536 levels.

    Args:
        path: where to write, with a suffix of TIFF; its folder must exist; a file there is replaced.
        pixels: floats (height, width, 3), RGB, sRGB-encoded, in [0, 1].
        alpha: floats (height, width) in [0, 1], or None.
        metadata: see `write_image`.

    Raises:
        ImageError: wrong shape, values that are not numbers, or the file cannot be written.
    """
    _write(Path(path), pixels, alpha, metadata, to_deep_levels)


def _write(
    path: Path,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    metadata: Metadata | None,
    to_levels: Callable[[np.ndarray], np.ndarray],
) -> None:
    if pixels.ndim != 3 or pixels.shape[2] != 3 or (alpha is not None and alpha.shape != pixels.shape[:2]):
        raise ImageError(
            f"{path}: pixels must be (height, width, 3) and alpha (height, width), "
            f"not {pixels.shape} and {None if alpha is None else alpha.shape}"
        )
    channels = pixels if alpha is None else np.dstack([pixels, alpha])
    check_size(path, *pixels.shape[:2])
    if not np.isfinite(channels).all():
        raise ImageError(f"{path}: the picture contains NaN or infinite values")
    write_levels(path, to_levels(channels), metadata=metadata)
