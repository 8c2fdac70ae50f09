"""Writing picture files: 8 bits a channel, sRGB, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from images.color_profiles import srgb_profile
from images.errors import ImageError, ImageWarning
from images.formats import WRITABLE_FORMATS

# How Pillow is told to write each format. Lossy WebP always halves the resolution of the chroma (VP8 knows 4:2:0
# alone), which smears the colours of brush strokes: it is written without loss.
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "PNG": {},
    "WEBP": {"lossless": True, "exact": True},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
MAX_SIDE = {"JPEG": 65500, "WEBP": 16383}
WITHOUT_ALPHA = "JPEG"


def write_image(path: str | os.PathLike, pixels: np.ndarray, *, alpha: np.ndarray | None = None) -> None:
    """Write a picture as the format that the suffix of `path` names, with the sRGB profile embedded.

    JPEG: quality 95, chroma at full resolution. PNG, TIFF (deflate) and WebP: without loss. Values are
    clipped to [0, 1] and rounded to the nearest of the 256 levels, halves upwards. The file appears whole or
    not at all.

    Args:
        path: where to write; its folder must exist; a file there is replaced.
        pixels: floats (height, width, 3), RGB, sRGB-encoded, in [0, 1].
        alpha: floats (height, width) in [0, 1], or None. JPEG has no transparency: it is left out there.

    Raises:
        ImageError: unknown suffix, wrong shape, values that are not numbers, a size that the format cannot
            hold, or the file cannot be written.

    Warns:
        ImageWarning: an alpha that is not all 1 was left out.
    """
    path = Path(path)
    file_format = WRITABLE_FORMATS.get(path.suffix.lower())
    if file_format is None:
        raise ImageError(f"{path}: unknown picture format (known: {', '.join(sorted(WRITABLE_FORMATS))})")
    if alpha is not None and file_format == WITHOUT_ALPHA:
        if (alpha < 1).any():
            warnings.warn(f"{path}: {file_format} has no transparency, it is left out", ImageWarning, stacklevel=2)
        alpha = None
    image = _to_image(path, pixels, alpha)
    try:
        with whole_file(path) as file:
            image.save(file, format=file_format, icc_profile=srgb_profile(), **OPTIONS[file_format])
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be written: {error}") from error


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Return values in [0, 1] as uint8: clipped, then rounded to nearest, halves upwards."""
    return np.floor(np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def _to_image(path: Path, pixels: np.ndarray, alpha: np.ndarray | None) -> Image.Image:
    if pixels.ndim != 3 or pixels.shape[2] != 3 or (alpha is not None and alpha.shape != pixels.shape[:2]):
        raise ImageError(
            f"{path}: pixels must be (height, width, 3) and alpha (height, width), "
            f"not {pixels.shape} and {None if alpha is None else alpha.shape}"
        )
    channels = pixels if alpha is None else np.dstack([pixels, alpha])
    largest = MAX_SIDE.get(WRITABLE_FORMATS[path.suffix.lower()], np.inf)
    if max(pixels.shape) > largest:
        raise ImageError(
            f"{path}: this format ends at {largest} pixels a side, the picture is {pixels.shape[1]} x {pixels.shape[0]}"
        )
    if not np.isfinite(channels).all():
        raise ImageError(f"{path}: the picture holds values that are not numbers or infinite")
    return Image.fromarray(to_bytes(channels))


# Names of temporary files: a process, a host, a token, and a suffix where the writer wants one.
_TEMPORARY = re.compile(r"\.(\d+)-([0-9a-f]{8})-[0-9a-f]{8}\.tmp(\.[\w.]+)?")
# Seconds for which a temporary file of a process that is gone stays: another container may have the same host's name.
MIN_STALE_SECONDS = 1.0


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; it takes its place at the end, or vanishes on an error."""
    temporary = temporary_path(path)
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_path(path: Path, suffix: str = "") -> Path:
    """Return a new name beside `path` for what is written there first; it tells whose it is.

    Args:
        path: what the file becomes.
        suffix: of the name, for writers that look at it.
    """
    return path.with_name(f".{os.getpid()}-{_host()}-{secrets.token_hex(4)}.tmp{suffix}")


def remove_stale(folder: Path) -> None:
    """Remove temporary files and folders of this program in `folder` that killed processes here have left."""
    for path in folder.glob(".*.tmp*"):
        found = _TEMPORARY.fullmatch(path.name)
        if found and found[2] == _host() and not _is_alive(int(found[1])):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime < MIN_STALE_SECONDS:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def _host() -> str:
    return hashlib.sha256(platform.node().encode(errors="surrogateescape")).hexdigest()[:8]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
