"""EXIF data in TIFF files, where it is a directory beside that of the picture."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

# Tags of the picture's own directory that tell about it, not how it is stored: description, maker, model, software,
# date, artist, copyright; and those of the directories of EXIF and of its place on Earth.
TEXTS = (270, 271, 272, 305, 306, 315, 33432)
EXIF, GPS = 34665, 34853
DIRECTORIES = (EXIF, GPS)
# In EXIF's directory: width and height, which change where a picture is turned or resized.
SIZES = (40962, 40963)
ORIENTATION = 274
TIFF, BIG_TIFF = b"II*\0\x08\0\0\0", b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0"
BIG_VERSION = 43
# What Pillow takes the bytes of texts for, whatever they are; each byte is a character.
TEXT_CODE = "latin-1"
# Of a directory: an entry (tag, type, count, value), how many there are, and where the next directory is.
ENTRY, BIG_ENTRY = Struct("<HHII"), Struct("<HHQQ")
COUNT_2, COUNT_4, COUNT_8 = Struct("<H"), Struct("<I"), Struct("<Q")
LONG, LONG_8 = 4, 16


class _Text(str):
    """A text of EXIF data, which is written as the bytes that were read; Pillow would write "?" for all but ASCII."""

    def encode(self, encoding: str = TEXT_CODE, errors: str = "strict") -> bytes:
        """Return the bytes that were read."""
        return super().encode(TEXT_CODE)


def read_tiff_exif(path: Path) -> bytes | None:
    """Return what a TIFF file, BigTIFF or not, tells about its picture as a block of EXIF data; None: nothing.

    Raises:
        ValueError: a BigTIFF file whose most significant byte comes first.
        struct.error: the file ends within its first bytes. Pillow raises others for damaged directories.
    """
    with path.open("rb") as file:
        head = file.read(8)
        exif = Image.Exif()
        exif.endian = "<" if head.startswith(b"II") else ">"
        (version,) = struct.unpack(exif.endian + "H", head[2:4])
        exif.bigtiff = version == BIG_VERSION
        if exif.bigtiff and exif.endian == ">":
            raise ValueError("Pillow does not read that of BigTIFF whose most significant byte comes first")
        kind, place = ("Q", file.read(8)) if exif.bigtiff else ("I", head[4:])
        (start,) = struct.unpack(exif.endian + kind, place)
        exif.load_from_fp(file, start)
        return descriptive(exif)


def descriptive(exif: Image.Exif) -> bytes | None:
    """Return a block of what EXIF data of a TIFF file tells about its picture but its size; None: nothing."""
    kept = Image.Exif()
    for tag in TEXTS:
        if tag in exif:
            kept[tag] = exif[tag]
    for tag in DIRECTORIES:
        if found := {name: value for name, value in exif.get_ifd(tag).items() if name not in SIZES}:
            kept[tag] = kept.get_ifd(tag)
            kept[tag].update(found)
    return encoded(kept) if len(kept) else None


def encoded(exif: Image.Exif) -> bytes:
    """Return EXIF data as a block.

    Raises:
        Exception: of any class: a value is not of its tag's type.
    """
    for directory in (exif, *(exif.get_ifd(tag) for tag in DIRECTORIES if tag in exif)):
        _keep_texts(directory)
    return exif.tobytes()


def _keep_texts(directory: MutableMapping[int, Any]) -> None:
    directory.update({tag: _Text(value) for tag, value in directory.items() if isinstance(value, str)})


def of_upright(exif: Image.Exif) -> bytes | None:
    """Return a block of EXIF data without orientation and size; None: nothing. What is given stays as it is."""
    kept = Image.Exif()
    kept.load(encoded(exif))
    kept.pop(ORIENTATION, None)
    if EXIF in kept:
        for tag in SIZES:
            kept.get_ifd(EXIF).pop(tag, None)
    return encoded(kept) if len(kept) else None


def text_tags(block: bytes) -> Iterator[tuple[int, str, int, bytes, bool]]:
    """Yield the texts of a block as tifffile's `extratags`."""
    exif = _loaded(block)
    for tag in TEXTS:
        if isinstance(exif.get(tag), str):
            yield tag, "s", 0, exif[tag].encode(TEXT_CODE), True


def append_directories(file: BinaryIO, block: bytes, *, big: bool) -> None:
    """Add the directories of a block to a TIFF file: behind its end, with a new directory of the picture.

    Args:
        file: open for reading and writing, little-endian.
        block: of EXIF data.
        big: whether it is a BigTIFF.
    """
    exif = _loaded(block)
    entries, layout = _entries(file, big), BIG_ENTRY if big else ENTRY
    for tag in DIRECTORIES:
        if found := exif.get_ifd(tag):
            directory = ImageFileDirectory_v2(BIG_TIFF if big else TIFF, group=tag)
            _keep_texts(found)
            for name, value in found.items():
                directory[name] = value
            place = _end(file)
            file.write(directory.tobytes(place))
            entries[tag] = layout.pack(tag, LONG_8 if big else LONG, 1, place)
    place = _end(file)
    count, link, header = (COUNT_8, COUNT_8, 8) if big else (COUNT_2, COUNT_4, 4)
    file.write(count.pack(len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + link.pack(0))
    file.seek(header)
    file.write(link.pack(place))


def _entries(file: BinaryIO, big: bool) -> dict[int, bytes]:
    """Return the entries of a file's first directory by their tags."""
    file.seek(8 if big else 4)
    (place,) = (COUNT_8 if big else COUNT_4).unpack(file.read(8 if big else 4))
    file.seek(place)
    (count,) = (COUNT_8 if big else COUNT_2).unpack(file.read(8 if big else 2))
    entries = [file.read((BIG_ENTRY if big else ENTRY).size) for _ in range(count)]
    return {int.from_bytes(entry[:2], "little"): entry for entry in entries}


def _end(file: BinaryIO) -> int:
    """Go to the end of a file, or to the next even place, and return it."""
    end = file.seek(0, os.SEEK_END)
    return file.seek(end + end % 2)


def _loaded(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(block)
    return exif
