"""Finding the pictures in folders by their names, and naming what is made of them."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from images.errors import ImageError
from images.formats import READABLE_SUFFIXES, WRITABLE_FORMATS

# How an address begins, also one that has been a Path, which leaves out a slash; one letter is a drive of Windows.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")
# What stands in a folder beside regular files and folders.
KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
READ_AT_ONCE = 1 << 18  # bytes
# A folder with more other files and folders than these, counting those below it, is a disk or a home, not a folder of
# pictures. Photos may have several files beside each.
MAX_OTHERS, MAX_OTHERS_TO_PICTURE = 200_000, 10


@dataclass
class FolderListing:
    """What a folder holds.

    Attributes:
        pictures: regular files, or links to such, that are called like pictures; in alphabetical order.
        others: what is called otherwise.
        unreadable: what is called like a picture and is none, and folders that cannot be listed: path -> reason.
    """

    pictures: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)


def list_pictures(folder: Path, *, recursive: bool = False, skip: Path | None = None) -> FolderListing:
    """Look for pictures by their names; nothing is opened, so that a named pipe cannot stop the search.

    Hidden files and folders are passed over, and links to folders.

    Args:
        folder: where to look; one that cannot be listed is told in `unreadable`.
        recursive: look through all folders below as well.
        skip: a folder that is left out with all that it holds.

    Raises:
        ImageError: a recursive search came upon more than MAX_OTHERS other files and folders, with few pictures among
            them.
    """
    listing = FolderListing()
    count = 0

    def note(error: OSError) -> None:
        listing.unreadable[Path(error.filename)] = f"{error.filename}: cannot be listed: {error.strerror}"

    for place, folders, files in os.walk(folder, onerror=note):
        here = Path(place)
        folders[:] = sorted(name for name in folders if recursive and name[0] != "." and not _same(here / name, skip))
        for name in sorted(name for name in files if name[0] != "."):
            if Path(name).suffix.lower() in READABLE_SUFFIXES:
                _sort_in(here / name, listing)
            else:
                listing.others.append(here / name)
        count += len(files) + len(folders)
        if recursive:
            _check_others(folder, len(listing.pictures), count - len(listing.pictures))
    return listing


def output_names(names: Sequence[Path]) -> list[Path]:
    """Return what stylised pictures are called; formats that are not written become PNG.

    Where several would get one name, those that change their format keep what they were called in it: `a.heic` beside
    `a.avif` becomes `a.heic.png`.
    """
    usual = [name if name.suffix.lower() in WRITABLE_FORMATS else name.with_suffix(".png") for name in names]
    count = Counter(usual)
    return [
        new if new == name or count[new] == 1 else name.with_name(f"{name.name}.png")
        for name, new in zip(names, usual, strict=True)
    ]


def address_of(path: str | os.PathLike) -> str | None:
    """Return the address that a path is, such as `s3://bucket/photos`, with both of its slashes; None: it is none."""
    text = os.fspath(path)
    scheme = _SCHEME.match(text)
    return None if scheme is None else f"{scheme[1]}://{text[scheme.end() :]}"


def why_no_file(path: Path, *, expected: str = "a picture file") -> str | None:
    """Return why `path` is not what is `expected`, None where it is a regular file or a link to one."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if address := address_of(path):
            return f"{address}: not a local path"
        return f"{path}: a broken link" if path.is_symlink() else f"{path}: no such file"
    except OSError as error:  # links in a circle, names that are too long, no permission
        return f"{path}: {error.strerror}"
    if stat.S_ISREG(mode):
        return None
    return f"{path}: {KINDS.get(stat.S_IFMT(mode), 'a folder')}, not {expected}"


def read_through(path: str | os.PathLike) -> None:
    """Read a file once and keep nothing of it: what the disk cannot give is told before anything is made of the file.

    Where a file is mapped into memory, the system ends the process with a signal at such a place, and `zipfile` takes
    the file for one of another kind.

    Raises:
        OSError: the file cannot be read; the error names it, as those of reading an open file do not.
    """
    with naming(path), Path(path).open("rb", buffering=0) as file:
        while file.read(READ_AT_ONCE):
            pass


@contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
    """Let errors of the system name a file; those of reading an open one do not."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def why_not_replaceable(path: Path) -> str | None:
    """Return why no file can be written at `path`, such as "is a folder"; None: nothing or a writable file is there."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"cannot be written: {error.strerror}"
    if not stat.S_ISREG(mode):
        return f"is {KINDS.get(stat.S_IFMT(mode), 'a folder')}"
    # For the superuser every file is writable, but one without any permission to write is not meant to be replaced.
    return None if mode & 0o222 and os.access(path, os.W_OK) else "is read-only"


def why_unreachable(path: Path) -> str | None:
    """Return why the system cannot tell whether anything is at `path`, such as a name that is too long; else None."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return error.strerror
    return None


def is_spelt_as_folder(path: str | os.PathLike) -> bool:
    """Say whether a path ends in a slash, or in a dot for the folder itself, both of which `Path` leaves out."""
    return os.fspath(path).rpartition(os.sep)[2] in ("", os.curdir, os.pardir)


def is_folder(path: Path) -> bool:
    """Say whether there is a folder; no for what is unreachable, of which Path.is_dir raises OSError."""
    return why_unreachable(path) is None and path.is_dir()


def why_not_creatable(path: Path) -> str | None:
    """Return why no file or folder can be made at `path`, where missing folders above it are made too.

    None where it can be made, or where something stands there already.
    """
    place, missing = path.absolute(), []
    while not os.path.lexists(place) and place != place.parent:
        missing.append(place.name)
        place = place.parent
    if not missing:
        return None
    if not place.is_dir():
        return f"{path}: {place} is not a folder"
    for name in missing:
        if reason := why_unreachable(place / name):
            return f"{path}: {reason}"
    return None if os.access(place, os.W_OK) else f"{path}: the folder {place} is read-only"


def _check_others(folder: Path, pictures: int, others: int) -> None:
    if others > max(MAX_OTHERS, MAX_OTHERS_TO_PICTURE * pictures):
        found = f"{pictures:,} of its first {pictures + others:,} files and folders are pictures"
        raise ImageError(f"{folder}: not a folder of pictures: {found}")


def _sort_in(path: Path, listing: FolderListing) -> None:
    reason = why_no_file(path)
    if reason is None:
        listing.pictures.append(path)
    else:
        listing.unreadable[path] = reason


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and os.path.realpath(path) == os.path.realpath(other)
