"""Large JPEG and PNG files, decoded straight into a mapped file."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from images.folders import read_through
from images.large.jpeg import END
from images.large.mapped import mapped_zeros
from images.large.png import SIGNATURE

# Pictures of as many pixels are decoded into files, and TIFF files of as many are read piece by piece.
MIN_PIXELS = 2 * 10**7
# What a file is larger by when it is decoded, at most.
MAX_COMPRESSION = 1100
JPEG_SIGNATURE = b"\xff\xd8\xff"
# Channels of each type of colours of PNG, without palettes.
PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}


@dataclass(frozen=True, eq=False)
class LargeImage:
    """A picture in a mapped file.

    Attributes:
        image: what Pillow tells of it beside its pixels, which it has not decoded.
        levels: uint8 or uint16 (height, width, channels), as stored: 1 or 3, with an alpha 2 or 4.
    """

    image: Image.Image
    levels: np.ndarray


def decode_large(path: Path, head: bytes) -> LargeImage | None:
    """Return a large JPEG or PNG file of grey or RGB decoded; None where it is another kind, or small.

    Args:
        path: the file.
        head: its first 26 bytes or more.

    Raises:
        OSError: it is cut off, or there is no room for what it holds.
        ValueError: it is broken.
    """
    opened: JpegImageFile | PngImageFile
    if head.startswith(JPEG_SIGNATURE):
        opened = JpegImageFile(path)
        channels, depth = {"L": 1, "RGB": 3}.get(opened.mode, 0), 8
    elif head.startswith(SIGNATURE):
        opened = PngImageFile(path)
        depth = head[24]
        channels = 0 if depth < 8 or "transparency" in opened.info else PNG_CHANNELS.get(head[25], 0)
    else:
        return None
    with opened as image, path.open("rb") as file:
        bytes_decoded = image.width * image.height * channels * depth // 8
        is_large = image.width * image.height >= MIN_PIXELS
        if not is_large or not 0 < bytes_decoded <= MAX_COMPRESSION * path.stat().st_size:
            return None
        if isinstance(image, PngImageFile):
            _find_exif(image, file)
        read_through(path)
        levels = mapped_zeros((image.height, image.width, channels), np.uint8 if depth == 8 else np.uint16)
        _decode(file, image, levels if channels > 1 else levels[..., 0])
        return LargeImage(image, levels)


def _decode(file: BinaryIO, image: JpegImageFile | PngImageFile, levels: np.ndarray) -> None:
    import imagecodecs

    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if isinstance(image, PngImageFile):
            imagecodecs.png_decode(data, out=levels)
        elif data.rfind(END) < image.tile[0].offset:  # the decoder would make up what is missing
            raise OSError("the file is cut off")
        else:
            imagecodecs.jpeg8_decode(data, out=levels)


def _find_exif(image: Image.Image, file: BinaryIO) -> None:
    """Tell a PNG of the EXIF data behind its pixels, which Pillow would decode to find it."""
    if {"exif", "Raw profile type exif"} & image.info.keys():
        return
    image.info["exif"] = b""
    file.seek(len(SIGNATURE))
    while len(chunk := file.read(8)) == 8:
        size, kind = int.from_bytes(chunk[:4], "big"), chunk[4:]
        if kind == b"eXIf":
            image.info["exif"] = b"Exif\0\0" + file.read(size)
            return
        file.seek(size + 4, os.SEEK_CUR)
