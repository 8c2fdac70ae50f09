"""OpenEXR files: floating-point numbers of any size, linear light where they are colours.

The package openexr is imported only when such a file is read or written.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from images.errors import ImageError, reason
from images.picture import check_pixels
from images.temporary_files import whole_path

SIGNATURE = b"\x76\x2f\x31\x01"
SUFFIX = ".exr"
# Largest number that a half has.
MAX_HALF = 65504.0


def library() -> ModuleType:
    """Return the package.

    Raises:
        ImageError: it is missing.
    """
    try:
        import OpenEXR
    except ImportError as error:
        raise ImageError("OpenEXR files need the Python package openexr (pip install openexr)") from error
    return OpenEXR


def read_exr(path: Path) -> np.ndarray:
    """Return the colours, or the single channel, of a file's first part: float32 (height, width, 3 or 1).

    Colours are channels R, G and B, or those of the only layer that has them, such as Combined.R, Combined.G and
    Combined.B; of a layer of vectors they are X, Y and Z. Alpha and other channels beside them are left out.

    Raises:
        ImageError: it is broken, has neither colours nor a single channel, or there is no package for it.
    """
    package = library()
    try:
        with package.File(str(path), header_only=True) as file:
            (left, top), (right, bottom) = (corner.tolist() for corner in file.header()["dataWindow"])
        check_pixels(path, right - left + 1, bottom - top + 1)
        with package.File(str(path), separate_channels=True) as file:
            channels = {name: np.array(channel.pixels, np.float32) for name, channel in file.channels().items()}
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise ImageError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    return np.dstack([channels[name] for name in _wanted(channels, path)])


def _wanted(names: Collection[str], path: Path) -> list[str]:
    """Return the channels that are read."""
    layers = sorted({name.rpartition(".")[0] for name in names})
    triples = [[f"{layer}." * bool(layer) + axis for axis in axes] for axes in ("RGB", "XYZ") for layer in layers]
    found = [triple for triple in triples if set(triple) <= set(names)]
    if ["R", "G", "B"] in found:
        return ["R", "G", "B"]
    wanted = found or [[name] for name in names if name.rpartition(".")[2] != "A"]
    if len(wanted) != 1:
        described = "not R, G and B or a single one, and no layer that alone has R, G and B, or X, Y and Z"
        raise ImageError(f"{path}: it has the channels {', '.join(sorted(names))}, {described}")
    return wanted[0]


def write_exr(path: Path, values: np.ndarray, *, bits: int) -> None:
    """Write floats (height, width, 3 or 1) as an OpenEXR file without loss (ZIP), whole or not at all.

    Args:
        path: where to write; a file there is replaced.
        values: as channels R, G and B, or Y.
        bits: of a channel: 16 (half) or 32 (float).

    Raises:
        ImageError: values that are not numbers, or beyond a half's, or the file cannot be written.
    """
    package = library()
    if not np.isfinite(values).all() or (bits == 16 and np.abs(values).max() > MAX_HALF):
        raise ImageError(f"{path}: values that are not finite, or too large for {bits} bits")
    levels = np.ascontiguousarray(values, np.float16 if bits == 16 else np.float32)
    channels: dict[str, Any] = {"RGB": levels} if levels.shape[2] == 3 else {"Y": levels[..., 0]}
    header = {"compression": package.ZIP_COMPRESSION, "type": package.scanlineimage}
    try:
        with whole_path(path, SUFFIX) as temporary, package.File(header, channels) as file:
            file.write(str(temporary))
    except (OSError, RuntimeError) as error:
        # The library tells the name of the temporary file before the reason.
        why = reason(error).rpartition('". ')[2].rstrip(".")
        raise ImageError(f"{path}: cannot be written: {' '.join(why.split())}") from error
