"""Reading picture files: any of the formats below becomes sRGB floats, upright, with its alpha."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from images.color_profiles import convert_deep_to_srgb, convert_to_srgb
from images.deep_files import TIFF_SIGNATURES, decode_deep_png, is_deep_png, png_depth, read_deep_tiff
from images.errors import ImageError, ImageWarning, ProfileError, reason
from images.folders import why_no_file
from images.heif import is_heif, register_heif
from images.large.decoding import MIN_PIXELS, LargeImage, decode_large
from images.large.exif import ORIENTATION, descriptive, of_upright, read_tiff_exif
from images.large.mapped import mapped_zeros
from images.large.tiff import TiffRows
from images.picture import Picture
from images.rows import Metadata, PictureRows, rows_of, rows_of_levels

# Pillow would also try formats that start other programs (EPS).
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
ANIMATED_FORMATS = ("GIF", "WEBP", "PNG", "AVIF")
# Pixels an inch; beyond these it is no resolution but a broken tag, or the 1 that Pillow has for a TIFF without any.
MIN_RESOLUTION, MAX_RESOLUTION = 1, 1e5
HEAD_BYTES = 64


def read_image(path: str | os.PathLike) -> Picture:
    """Read a picture file whole: see `open_picture`.

    Raises:
        ImageError: no such file, not a picture of these formats, broken, cut off, or over 179 megapixels.

    Warns:
        ImageWarning: a colour profile or the EXIF data is broken and was left aside, or it is an animation or a TIFF of
            several pages, of which the first is taken.
    """
    return open_picture(path).picture()


def open_picture(path: str | os.PathLike) -> PictureRows:
    """Read a picture file: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or HEIC (of several frames or pages the first).

    Grey, palette and CMYK become RGB; transparency becomes alpha, and the colours under it stay as stored.
    16-bit grey and RGB of PNG and TIFF keep their 16 bits, floating-point TIFF is clipped to [0, 1]. The EXIF
    orientation is applied. An embedded ICC profile is converted to sRGB; without one the values are taken as
    sRGB (CMYK: converted by Pillow's plain formula). A picture of 8 bits stays as it is until its rows are asked for.

    Raises:
        ImageError: no such file, not a picture of these formats, broken, cut off, or over 179 megapixels.

    Warns:
        ImageWarning: a colour profile or the EXIF data is broken and was left aside, or it is an animation or a TIFF of
            several pages, of which the first is taken.
    """
    path = Path(path)
    if why := why_no_file(path):
        raise ImageError(why)
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        return _read(path, head)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: {_why_unidentified(head)}") from error
    except ImportError as error:
        raise ImageError(f"{path}: this kind of picture needs the Python package {error.name}") from error
    except Exception as error:  # on broken files decoders raise anything: OSError, IndexError ...
        raise ImageError(f"{path}: cannot be read: {reason(error)}") from error


def _why_unidentified(head: bytes) -> str:
    if not head:
        return "the file is empty"
    if head.startswith(TIFF_SIGNATURES):
        return "broken, or a TIFF whose kind of pixels or compression is not supported"
    return f"broken, or not one of {', '.join((*FORMATS, 'HEIC'))}"


def to_picture(image: Image.Image, *, name: str = "image") -> Picture:
    """Return one of Pillow's images as `read_image` returns a file: sRGB, upright, with its alpha.

    Args:
        image: of 8 bits a channel, its colour profile and EXIF data in its `info`, as Pillow opens files.
        name: of it, for errors and warnings.

    Raises:
        ImageError: it has more than 8 bits a channel (give the file's path) or no pixels, or its file is broken or
            closed.
    """
    if 0 in image.size:
        raise ImageError(f"{name}: an image of {image.width} x {image.height} pixels")
    try:
        return _eight_bit_rows(image, Path(name)).picture()
    except ImageError:
        raise
    except Exception as error:  # as of files
        raise ImageError(f"{name}: cannot be read: {reason(error)}") from error


def _read(path: Path, head: bytes) -> PictureRows:
    if head.startswith(TIFF_SIGNATURES):
        tiff = TiffRows(path)
        if (count := tiff.page_count) > 1:
            warnings.warn(f"{path}: a file of {count} pages; the first is taken", ImageWarning, stacklevel=3)
        if tiff.height * tiff.width >= MIN_PIXELS and tiff.is_readable:
            return _tiff_rows(tiff, path)
        tiff.close()
        deep = read_deep_tiff(path)
        if deep is not None:
            metadata = Metadata(_tiff_exif(path), deep.resolution)
            if deep.alpha is not None and deep.color.shape[2] == 4:
                inks, opacity = ((part * 255).round().astype(np.uint8) for part in (deep.color, deep.alpha))
                return _level_rows(inks, opacity, "CMYK", deep.profile, deep.orientation, path, metadata)
            pixels = _deep_to_srgb(deep.color, deep.profile, path)
            return rows_of(_upright(pixels, deep.alpha, deep.orientation), bits=deep.bits, metadata=metadata)
    if (large := decode_large(path, head)) is not None:
        return _large_rows(large, path)
    if is_heif(head):
        register_heif()
    with Image.open(path, formats=("HEIF",) if is_heif(head) else FORMATS) as image:
        if (count := _frame_count(image)) > 1:
            message = f"{path}: an animation of {count} frames; the first one is used"
            warnings.warn(message, ImageWarning, stacklevel=3)
        if not is_deep_png(head):
            image.load()
            _scale_transparent_grey(image, head)
            return _eight_bit_rows(image, path)
        color, alpha = decode_deep_png(path)
        pixels = _deep_to_srgb(color, image.info.get("icc_profile"), path)
        orientation, metadata = _exif_and_metadata(image, path)
        return rows_of(_upright(pixels, alpha, orientation), bits=16, metadata=metadata)


def _scale_transparent_grey(image: Image.Image, head: bytes) -> None:
    """Bring the transparent level (tRNS) of a grey PNG of 2 or 4 bits to 8: Pillow does so with its pixels alone."""
    if image.format == "PNG" and image.mode == "L" and "transparency" in image.info:
        image.info["transparency"] = image.info["transparency"] * 255 // (2 ** png_depth(head) - 1)


def _frame_count(image: Image.Image) -> int:
    """Return the number of an animation's frames; further pictures of other files are thumbnails, layers or pages."""
    if image.format not in ANIMATED_FORMATS:
        return 1
    try:
        return getattr(image, "n_frames", 1)
    except Exception:  # of many kinds: a later frame is damaged, the first may be sound
        return 1


def _tiff_rows(tiff: TiffRows, path: Path) -> PictureRows:
    """Return a large TIFF whose strips or tiles are decoded when their rows are asked for, or to be turned at once."""
    metadata = Metadata(_tiff_exif(path), tiff.resolution)
    if tiff.orientation == 1:
        return _deep_rows(tiff.read, (tiff.height, tiff.width, tiff.samples), tiff.bits, tiff.profile, path, metadata)
    levels = mapped_zeros((tiff.height, tiff.width, tiff.samples), f"uint{tiff.bits}")
    tiff.read_all(levels)
    tiff.close()
    return _turned_rows(levels, tiff.orientation, tiff.profile, path, metadata)


def _large_rows(large: LargeImage, path: Path) -> PictureRows:
    image, levels = large.image, large.levels
    orientation, metadata = _exif_and_metadata(image, path)
    if levels.dtype == np.uint8:
        alpha = levels[..., -1] if levels.shape[2] in (2, 4) else None
        colors = levels[..., :3] if levels.shape[2] > 2 else levels[..., 0]
        mode = "RGB" if levels.shape[2] > 2 else "L"
        return _level_rows(colors, alpha, mode, image.info.get("icc_profile"), orientation, path, metadata)
    return _turned_rows(levels, orientation, image.info.get("icc_profile"), path, metadata)


def _turned_rows(
    levels: np.ndarray, orientation: int, profile: bytes | None, path: Path, metadata: Metadata
) -> PictureRows:
    """Return levels (height, width, channels) of 8 or 16 bits upright."""
    turned = _turn(levels, orientation)
    bits = 8 * levels.dtype.itemsize
    return _deep_rows(
        lambda rows: np.ascontiguousarray(turned[rows.start : rows.stop]), turned.shape, bits, profile, path, metadata
    )


def _deep_rows(
    read: Callable[[range], np.ndarray],
    shape: tuple[int, ...],
    bits: int,
    profile: bytes | None,
    path: Path,
    metadata: Metadata,
) -> PictureRows:
    """Return a picture as rows.

    Args:
        read: returns some rows' levels, (rows, width, channels), upright.
        shape: (height, width, channels); 1 or 3, with an alpha 2 or 4.
        bits: of a channel.
        profile: of the colours, or None.
        path: of the file.
        metadata: beside the pixels.
    """
    colors = 3 if shape[2] >= 3 else 1
    scale = np.float32(2**bits - 1)

    def read_rows(rows: range) -> np.ndarray:
        return _deep_to_srgb(read(rows)[..., :colors] / scale, profile, path)

    def read_alpha(rows: range) -> np.ndarray:
        return read(rows)[..., colors] / scale

    alpha = read_alpha if shape[2] > colors else None
    return PictureRows(shape[0], shape[1], read_rows, alpha, bits, metadata)


def _eight_bit_rows(image: Image.Image, path: Path) -> PictureRows:
    """Return an image of 8 bits a channel, upright; its levels are converted to sRGB floats when they are asked for."""
    bands, alpha = _bands(image, path)
    orientation, metadata = _exif_and_metadata(image, path)
    # Lab has become sRGB; a profile for it is not one of these pixels.
    profile = None if image.mode == "LAB" else image.info.get("icc_profile")
    opacity = None if alpha is None else np.asarray(alpha)
    return _level_rows(np.asarray(bands), opacity, bands.mode, profile, orientation, path, metadata)


def _level_rows(
    colors: np.ndarray,
    alpha: np.ndarray | None,
    mode: str,
    profile: bytes | None,
    orientation: int,
    path: Path,
    metadata: Metadata,
) -> PictureRows:
    """Return levels of 8 bits as rows.

    Args:
        colors: (height, width) or (height, width, channels), as stored.
        alpha: (height, width), or None.
        mode: Pillow's of the colours: L, RGB or CMYK.
        profile: of the colours, or None.
        orientation: that of EXIF.
        path: of the file.
        metadata: beside the pixels.
    """
    profile = _usable_profile(mode, profile, path)

    def convert(strip: np.ndarray) -> np.ndarray:
        part = Image.fromarray(strip, mode) if mode == "CMYK" else Image.fromarray(strip)
        return _to_float((convert_to_srgb(part, profile) if profile else part).convert("RGB"))

    turned = None if alpha is None else _turn(alpha, orientation)
    return rows_of_levels(_turn(colors, orientation), turned, convert, metadata)


def _bands(image: Image.Image, path: Path) -> tuple[Image.Image, Image.Image | None]:
    """Return an image in mode L, RGB or CMYK, and its alpha in mode L, if it has any."""
    if image.mode == "F" or image.mode.startswith("I"):
        raise ImageError(f"{path}: pixels of type {image.mode} in a {image.format or 'Pillow'} image are not supported")
    alpha = None
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
        *bands, alpha = image.split()
        image = Image.merge("L" if len(bands) == 1 else "RGB", bands)
    if image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return image, alpha


def _usable_profile(mode: str, profile: bytes | None, path: Path) -> bytes | None:
    """Return the profile if pixels of this mode can be converted from it."""
    if not profile:
        return None
    try:
        convert_to_srgb(Image.new(mode, (1, 1)), profile)
    except ProfileError as error:
        _warn(path, error)
        return None
    return profile


def _exif_and_metadata(image: Image.Image, path: Path) -> tuple[int, Metadata]:
    """Return the orientation of an image, and what is kept: EXIF data without orientation and size, and resolution."""
    orientation, block = 1, None
    try:
        exif = image.getexif()
        orientation = exif.get(ORIENTATION, 1)
        block = descriptive(exif) if image.format == "TIFF" else of_upright(exif) if len(exif) else None
    except Exception as error:  # Pillow's EXIF parser raises anything; the picture itself is sound
        warnings.warn(f"{path}: its EXIF data is broken ({error}); left out", ImageWarning, stacklevel=2)
    across, down = map(float, image.info.get("dpi") or (0.0, 0.0))
    is_known = all(MIN_RESOLUTION < value < MAX_RESOLUTION for value in (across, down))
    return orientation, Metadata(block, (across, down) if is_known else None)


def _tiff_exif(path: Path) -> bytes | None:
    try:
        return read_tiff_exif(path)
    except Exception as error:  # Pillow's parser raises anything; the picture itself is sound
        warnings.warn(f"{path}: its EXIF data cannot be read ({error}); it is ignored", ImageWarning, stacklevel=2)
        return None


def _deep_to_srgb(color: np.ndarray, profile: bytes | None, path: Path) -> np.ndarray:
    if profile:
        try:
            return convert_deep_to_srgb(color, profile)
        except ProfileError as error:
            _warn(path, error)
    return np.broadcast_to(color, (*color.shape[:2], 3))


def _warn(path: Path, error: ProfileError) -> None:
    warnings.warn(f"{path}: {error}; its colours are assumed to be sRGB", ImageWarning, stacklevel=2)


def _to_float(image: Image.Image) -> np.ndarray:
    return np.asarray(image, np.float32) / np.float32(255)


def _upright(pixels: np.ndarray, alpha: np.ndarray | None, orientation: int) -> Picture:
    turned_alpha = None if alpha is None else np.ascontiguousarray(_turn(alpha, orientation))
    return Picture(np.ascontiguousarray(_turn(pixels, orientation)), turned_alpha)


def _turn(channels: np.ndarray, orientation: int) -> np.ndarray:
    """Return `channels` (height, width, ...) turned and mirrored as the EXIF orientation 1 to 8 asks."""
    if orientation in (5, 6, 7, 8):
        channels = channels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        channels = channels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        channels = channels[::-1]
    return channels
