"""Checking that input files exist before any long work, and reading folders with a warning for each file left out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from errors import ArgumentError
from images.errors import ImageError, ImageWarning
from images.formats import READABLE_SUFFIXES

if TYPE_CHECKING:
    import numpy as np

    from images.folders import FolderListing

READ_HERE = "only files of this machine are read"
# Scripts import this before they read their arguments: Pillow and NumPy are loaded where pictures are looked at.


def check_input_files(**files: str | os.PathLike | Iterable[str | os.PathLike] | None) -> None:
    """Check that files are there; the keywords are the arguments that errors name, None is not looked for.

    Raises:
        ArgumentError: one is missing, or is a folder, a device, a named pipe or an address.
    """
    from images.folders import why_no_file

    for name, given in files.items():
        for path in [given] if isinstance(given, str | os.PathLike) else given or ():
            check_local(READ_HERE, **{name: path})
            reason = why_no_file(Path(path), expected="a file")
            if reason is not None:
                raise ArgumentError(f"`{name}` {reason}")


def check_local(hint: str, **addresses: str | os.PathLike) -> None:
    """Check that arguments are paths, not addresses such as `s3://bucket/photos`; errors name the keywords.

    Args:
        hint: ends the message: what can be done with buckets.
        addresses: the arguments.

    Raises:
        ArgumentError: one is an address.
    """
    from images.folders import address_of

    for name, path in addresses.items():
        if address := address_of(path):
            raise ArgumentError(f"`{name}` {address}: not a local path; {hint}")


def check_input_folder(folder: str | os.PathLike, name: str) -> None:
    """Check that there is a folder; `name` is the argument that errors name.

    Raises:
        ArgumentError: there is none, or it is an address.
    """
    from images.folders import is_folder, why_unreachable

    check_local(READ_HERE, **{name: folder})
    if reason := why_unreachable(Path(folder)):
        raise ArgumentError(f"`{name}` {folder}: {reason}")
    if not is_folder(Path(folder)):
        raise ArgumentError(f"`{name}` {folder}: {'not a folder' if os.path.lexists(folder) else 'no such folder'}")


def pictures_in(
    folder: str | os.PathLike, name: str, *, recursive: bool = False, skip: Path | None = None
) -> list[Path]:
    """Return the files of a folder that are called like pictures, sorted; a warning tells of each that cannot be one.

    Args:
        folder: where to look.
        name: of the argument, for errors.
        recursive: look through all folders below as well.
        skip: a folder below that is left out.

    Raises:
        ArgumentError: there is no such folder, no picture in it, or next to none among very many other files.
    """
    check_input_folder(folder, name)
    listing = listing_of(Path(folder), name, recursive=recursive, skip=skip)
    for reason in listing.unreadable.values():
        _leave_out(reason)
    if not listing.pictures:
        raise ArgumentError(f"`{name}` {folder}: no pictures in this folder ({', '.join(sorted(READABLE_SUFFIXES))})")
    return sorted(listing.pictures)


def listing_of(folder: Path, name: str, *, recursive: bool, skip: Path | None = None) -> FolderListing:
    """Return what `images.folders.list_pictures` does; `name` is the argument that errors name.

    Raises:
        ArgumentError: there are next to no pictures among very many other files.
    """
    from images.folders import list_pictures

    try:
        return list_pictures(folder, recursive=recursive, skip=skip)
    except ImageError as error:
        raise ArgumentError(f"`{name}` {error}") from error


def read_opaque(path: str | os.PathLike) -> np.ndarray:
    """Return a picture as float32 (height, width, 3) in [0, 1]; a warning tells where it has transparency.

    Raises:
        ImageError: see `images.reading.read_image`.
    """
    from images.reading import read_image

    picture = read_image(path)
    if picture.alpha is not None and (picture.alpha < 1).any():
        warnings.warn(f"{path}: its transparency is ignored", ImageWarning, stacklevel=2)
    return picture.pixels


def read_sound(paths: Iterable[Path]) -> Iterator[tuple[Path, np.ndarray]]:
    """Yield those of a folder's files that can be read, with their pixels; a warning tells of each of the others.

    They are read one after the other, and not kept.
    """
    for path in paths:
        try:
            yield path, read_opaque(path)
        except ImageError as error:
            _leave_out(error)


def _leave_out(reason: object) -> None:
    warnings.warn(f"{reason}; left out", ImageWarning, stacklevel=1)  # one place for all: each is told once
