"""Reading pictures that hold data: the numbers of the file, whatever colour profile it carries."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from images.data.exr import SIGNATURE, read_exr
from images.deep_files import (
    BLACK_IS_ZERO,
    RGB,
    TIFF_SIGNATURES,
    WHITE_IS_ZERO,
    decode_deep_png,
    is_deep_png,
)
from images.errors import ImageError, ImageWarning, reason
from images.folders import why_no_file
from images.large.exif import ORIENTATION
from images.large.tiff import tag_value
from images.picture import check_pixels
from images.reading import FORMATS

GREY_MODES = ("1", "L", "LA", "La")
# Kinds of NumPy's types: floats and unsigned integers.
NUMBERS = ("f", "u")
# Of TIFF files, beside grey and RGB; tifffile makes RGB of it where it is compressed as JPEG.
YCBCR, JPEG = 6, 7


def read_data(path: Path) -> np.ndarray:
    """Return the numbers of a picture file: float32 (height, width, 1 or 3).

    PNG, JPEG, WebP, BMP and TIFF of whole numbers are in [0, 1]; floating-point TIFF and OpenEXR are as they are.
    Colour profiles and gamma are not followed; alpha is left out.

    Raises:
        ImageError: no such file, none of these formats, broken, with NaN or infinite values, or with an orientation
            tag that turns it: it cannot tell whether the directions in a map of normals are turned too.
    """
    if why := why_no_file(path):
        raise ImageError(why)
    try:
        values = _read(path)
    except ImageError:
        raise
    except ImportError as error:
        raise ImageError(f"{path}: this kind of picture needs the Python package {error.name}") from error
    except Exception as error:  # on broken files decoders raise anything
        raise ImageError(f"{path}: cannot be read: {reason(error)}") from error
    if not np.isfinite(values).all():
        raise ImageError(f"{path}: it contains NaN or infinite values")
    return values


def is_exr(path: Path) -> bool:
    """Tell from its first bytes whether a file is an OpenEXR file."""
    with path.open("rb") as file:
        return file.read(4) == SIGNATURE


def _read(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        head = file.read(32)
    if head.startswith(SIGNATURE):
        return read_exr(path)
    if head.startswith(TIFF_SIGNATURES) and (values := _read_tiff(path)) is not None:
        return values
    with Image.open(path, formats=FORMATS) as image:
        if is_deep_png(head):
            _check_upright(_orientation(image, path), path)
            return decode_deep_png(path)[0]
        return data_of(image, path)


def data_of(image: Image.Image, name: str | Path) -> np.ndarray:
    """Return the numbers of one of Pillow's images of 8 bits a channel or less, as `read_data` does those of files.

    Args:
        image: grey, or in colours.
        name: how errors call it.

    Raises:
        ImageError: it has an orientation tag that turns it.
    """
    _check_upright(_orientation(image, name), name)
    levels = np.asarray(image.convert("L" if image.mode in GREY_MODES else "RGB"), np.float32)
    return levels.reshape(*levels.shape[:2], -1) / np.float32(255)


def _read_tiff(path: Path) -> np.ndarray | None:
    """Return the numbers of a TIFF file; None for palettes, inks and single bits, of which Pillow makes levels."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        is_direct = page.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB)
        if page.bitspersample == 1 or not (is_direct or (page.photometric == YCBCR and page.compression == JPEG)):
            return None
        _check_upright(tag_value(page, ORIENTATION, 1), path)
        check_pixels(path, page.imagewidth, page.imagelength)
        levels = page.asarray(maxworkers=1)
    if page.axes not in ("YX", "YXS", "SYX") or levels.dtype.kind not in NUMBERS:
        raise ImageError(f"{path}: axes {page.axes} of {levels.dtype.name} are not those of a map")
    if page.axes == "SYX":
        levels = np.moveaxis(levels, 0, -1)
    largest = 1 if levels.dtype.kind == "f" else 2**page.bitspersample - 1
    values = np.asarray(levels, np.float32).reshape(*levels.shape[:2], -1) / np.float32(largest)
    if page.photometric == WHITE_IS_ZERO:
        values = 1 - values
    return values[..., : 3 if values.shape[2] >= 3 else 1]


def _orientation(image: Image.Image, name: str | Path) -> int:
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception as error:  # Pillow's EXIF parser raises anything; the picture itself is sound
        warnings.warn(f"{name}: its EXIF data is broken ({error}); assumed to be upright", ImageWarning, stacklevel=2)
        return 1


def _check_upright(orientation: int, name: str | Path) -> None:
    # Beside 1, files hold numbers that mean nothing, which readers of pictures do not follow either.
    if orientation in range(2, 9):
        raise ImageError(f"{name}: its orientation tag ({orientation}) turns the picture: store it upright, without it")
