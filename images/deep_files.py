"""Files of more than 8 bits a channel: 16-bit PNG, and TIFF of 9 to 32 bits and of floating-point numbers.

Pillow cuts 16-bit colour down to 8 bits, and reads neither JPEG 2000 or WebP within TIFF, nor an alpha in a plane of
its own, beside inks (CMYK) or where white is zero, nor BigTIFF whose most significant byte comes first, so these go
through imagecodecs (libpng, and the compressions that tifffile leaves to it, LZW above all) and tifffile. Both are
imported only when such a file turns up: without them everything else still reads.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL.TiffImagePlugin import COMPRESSION_INFO

from images.errors import ImageError
from images.large.exif import ORIENTATION
from images.large.tiff import PROFILE, tag_value, tiff_resolution
from images.picture import check_pixels
from images.rows import Resolution

if TYPE_CHECKING:
    import tifffile

# Without any handler Python prints tifffile's notes on broken tags; what matters of them is in the ImageError.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, INKS = 0, 1, 2, 5
# Channels of the kinds of pictures that are read here.
COLORS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, INKS: 4}
SIGNED, FLOAT = 2, 3
PREMULTIPLIED, STRAIGHT = 1, 2
SEPARATE, WEBP = 2, 50001


@dataclass(frozen=True, eq=False)
class DeepImage:
    """What a deep TIFF holds.

    Attributes:
        color: float32 (height, width, 1, 3 or 4), grey, RGB or CMYK, in [0, 1], in the file's colour space.
        alpha: float32 (height, width) in [0, 1], or None.
        profile: the embedded ICC profile, or None.
        orientation: the value of the orientation tag.
        resolution: pixels an inch, or None.
        bits: of a channel, 8 or 16: as many as keep the file's levels.
    """

    color: np.ndarray
    alpha: np.ndarray | None
    profile: bytes | None
    orientation: int
    resolution: Resolution | None
    bits: int


def png_depth(head: bytes) -> int:
    """Return the bits of a PNG's channel from the first bytes of its file (25 or more), 0 for other files."""
    return int.from_bytes(head[24:25]) if head.startswith(PNG_SIGNATURE) else 0


def is_deep_png(head: bytes) -> bool:
    """Tell from the first bytes of a file (25 or more) whether it is a PNG of 16 bits a channel."""
    return png_depth(head) == 16


def decode_deep_png(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Return colour, float32 (height, width, 1 or 3) in [0, 1], and alpha of a PNG, with its full 16 bits.

    libpng makes an alpha channel of a transparent colour (tRNS).
    """
    import imagecodecs

    values = imagecodecs.png_decode(path.read_bytes())
    values = values.reshape(*values.shape[:2], -1).astype(np.float32) / 65535
    colors = 3 if values.shape[2] >= 3 else 1
    return values[..., :colors], values[..., colors] if values.shape[2] > colors else None


def read_deep_tiff(path: Path) -> DeepImage | None:
    """Return the first picture of a TIFF file that Pillow would cut down or not read, and None for other files.

    Grey and RGB go this way; 16-bit CMYK, for one, is left to Pillow and its 8 bits where it has no alpha.
    Floating-point values are taken as sRGB-encoded and clipped to [0, 1].

    Raises:
        ImageError: more pixels than MAX_PIXELS, signed integers, several channels of 1 bit, NaN or infinity, a stack of
            pictures.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        deep = page.bitspersample > 8 or page.sampleformat == FLOAT
        has_light = page.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB)
        if not (has_light and (deep or _is_foreign(page))) and not _has_inks_and_alpha(page):
            return None
        color, alpha = _split_channels(page, _channels_last(page, path))
        profile, orientation = tag_value(page, PROFILE, None), tag_value(page, ORIENTATION, 1)
        return DeepImage(color, alpha, profile, orientation, tiff_resolution(page), 16 if deep else 8)


def _is_foreign(page: tifffile.TiffPage) -> bool:
    """Say whether Pillow does not read a page of 8 bits, or takes its alpha for what it is not."""
    file = page.parent
    return (
        page.compression not in COMPRESSION_INFO
        or page.compression == WEBP
        or (page.planarconfig == SEPARATE and bool(page.extrasamples))
        or (page.photometric == WHITE_IS_ZERO and bool(page.extrasamples))
        or (file.is_bigtiff and file.byteorder == ">")
    )


def _has_inks_and_alpha(page: tifffile.TiffPage) -> bool:
    kinds = [(PREMULTIPLIED,), (STRAIGHT,)]
    return page.photometric == INKS and page.samplesperpixel == 5 and tuple(page.extrasamples) in kinds


def _channels_last(page: tifffile.TiffPage, path: Path) -> np.ndarray:
    """Return the page's channels as float32 (height, width, channels) in [0, 1]."""
    if page.axes not in ("YX", "YXS", "SYX") or page.samplesperpixel > 16:
        raise ImageError(f"{path}: not a single picture: axes {page.axes}, {page.samplesperpixel} channels")
    check_pixels(path, page.imagewidth, page.imagelength)
    if page.bitspersample == 1 and page.samplesperpixel > 1:  # which tifffile takes apart as if it were one channel
        raise ImageError(f"{path}: {page.samplesperpixel} channels of 1 bit are not supported")
    if page.sampleformat == SIGNED:
        raise ImageError(f"{path}: signed integer pixels are not supported")
    values = np.asarray(page.asarray(maxworkers=1), np.float32)
    if page.sampleformat == FLOAT and not np.isfinite(values).all():
        raise ImageError(f"{path}: it contains NaN or infinite values")
    if page.sampleformat != FLOAT:
        values /= np.float32(2**page.bitspersample - 1)
    values = np.moveaxis(values, 0, -1) if page.axes == "SYX" else values
    return np.clip(values.reshape(page.imagelength, page.imagewidth, -1), 0, 1)


def _split_channels(page: tifffile.TiffPage, values: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return colour and alpha; a channel beyond the colours is alpha unless the file says otherwise."""
    colors = COLORS[page.photometric]
    color = 1 - values[..., :1] if page.photometric == WHITE_IS_ZERO else values[..., :colors]
    kind = page.extrasamples[0] if page.extrasamples else STRAIGHT
    if values.shape[2] == colors or kind not in (PREMULTIPLIED, STRAIGHT):
        return color, None
    alpha = values[..., colors]
    if kind == PREMULTIPLIED:
        color = np.clip(color / np.maximum(alpha, 1e-6)[..., None], 0, 1)
    return color, alpha
