"""Checks of output paths before any long work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from errors import ArgumentError, UserError
from images.folders import is_spelt_as_folder, why_not_creatable, why_not_replaceable, why_unreachable
from images.formats import WRITABLE_FORMATS
from pipelines.inputs import check_local

WRITTEN_HERE = "only files of this machine are written"


def check_picture_name(path: str | os.PathLike, *, name: str = "output") -> None:
    """Check that the suffix of `path` names a picture format that is written.

    Raises:
        ArgumentError: it does not, or it is an address. The message calls the argument `name`.
    """
    check_local(WRITTEN_HERE, **{name: path})
    if Path(path).suffix.lower() not in WRITABLE_FORMATS:
        known = ", ".join(sorted(WRITABLE_FORMATS))
        raise ArgumentError(f"`{name}` {path}: the name of a picture must end in one of {known}")


def check_picture_output(path: str | os.PathLike, *, name: str = "output") -> None:
    """Check that a picture can be written to the file `path`.

    Raises:
        ArgumentError: see `check_picture_name` and `check_file_output`.
    """
    check_picture_name(path, name=name)
    check_file_output(path, name=name)


def check_file_output(path: str | os.PathLike, *, name: str = "output") -> None:
    """Check that a file can be written to `path`.

    Raises:
        ArgumentError: its name is a folder's, there is no folder to write it in, that folder is read-only, or something
            else than a writable file stands there.
    """
    check_names_file(path, name=name)
    path = Path(path)
    check_parent(path, name=name)
    if reason := why_not_replaceable(path):
        raise ArgumentError(f"`{name}` {path} {reason}")


def check_names_file(path: str | os.PathLike, *, name: str = "output") -> None:
    """Check that `path` does not end in a slash or a dot, as the names of folders do, and is no address.

    Raises:
        ArgumentError: it does, or is one.
    """
    check_local(WRITTEN_HERE, **{name: path})
    if is_spelt_as_folder(path):
        raise ArgumentError(f"`{name}` {os.fspath(path)}: must be a file, and this is the name of a folder")


def check_parent(path: Path, *, name: str = "output") -> None:
    """Check that there is a folder in which `path` can be written.

    Raises:
        ArgumentError: there is none, or it is read-only; or the name is longer than its disk allows; or an address.
    """
    check_local(WRITTEN_HERE, **{name: path})
    if reason := why_unreachable(path):
        raise ArgumentError(f"`{name}` {path}: {reason}")
    if not path.absolute().parent.is_dir():
        raise ArgumentError(f"`{name}` {path}: there is no folder {path.parent}")
    if not os.access(path.absolute().parent, os.W_OK):
        raise ArgumentError(f"`{name}` {path}: the folder {path.parent} is read-only")


def check_folder_output(path: str | os.PathLike, *, name: str = "output") -> None:
    """Check that `path` is a folder, or that one can be made there, with those above it.

    Raises:
        ArgumentError: something else stands there, a name is longer than the disk allows, or it is an address.
    """
    check_local(WRITTEN_HERE, **{name: path})
    place = Path(path)
    if reason := why_not_creatable(place):
        raise ArgumentError(f"`{name}` {reason}")
    if not os.path.lexists(place):
        return
    if not place.is_dir():
        raise ArgumentError(f"`{name}` {path}: {place.absolute()} is not a folder")
    if not os.access(place, os.W_OK):
        raise ArgumentError(f"`{name}` {path}: the folder {place.absolute()} is read-only")


def check_utf8(path: str | os.PathLike, kind: str, *, name: str = "output") -> None:
    """Check that the library that writes a folder can take its name.

    Raises:
        ArgumentError: it is not UTF-8, or that of a folder above it; the message says what `kind` of folder it is.
    """
    try:
        os.path.realpath(path).encode()  # bytes that are not UTF-8 are lone surrogates
    except UnicodeEncodeError as error:
        raise ArgumentError(f"`{name}` {path}: the name of {kind}, and of those around it, must be UTF-8") from error


def check_not_read(
    path: str | os.PathLike, inputs: Iterable[str | os.PathLike | None], *, name: str = "output"
) -> None:
    """Check that writing `path` does not replace one of the inputs, or a folder with one in it.

    Args:
        path: the file or folder to write.
        inputs: files that are read; None is no file.
        name: of the argument, for errors.

    Raises:
        ArgumentError: it does.
    """
    place = Path(os.path.realpath(path))
    for file in inputs:
        if file is not None and Path(os.path.realpath(file)).is_relative_to(place):
            raise ArgumentError(f"`{name}` {path}: {os.fspath(file)} is an input and would be overwritten")


def check_disk_space(folder: Path, needed: int, advice: str = "") -> None:
    """Raise UserError unless the disk of `folder` has `needed` bytes left; `advice` says how a run needs fewer.

    The folder, and those above it, need not be there yet.
    """
    place = folder.absolute()
    free = shutil.disk_usage(next(path for path in (place, *place.parents) if path.exists())).free
    if free < needed:
        how = f" ({advice})" if advice else ""
        raise UserError(f"{folder}: its disk has {free / 1e6:.0f} MB free, the run may need {needed / 1e6:.0f} MB{how}")


@contextmanager
def made_folder(path: Path) -> Iterator[None]:
    """Make a folder, with those above it; what was made and is empty at the end, as nothing was written, goes again.

    Raises:
        OSError: it cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for folder in missing:
            with suppress(OSError):  # there is something in it, or it is gone
                folder.rmdir()


@contextmanager
def written_by_tensorflow(path: Path) -> Iterator[None]:
    """Raise OSError, which names `path`, where TensorFlow cannot write a file inside: on a full disk, above all.

    Its own error is of the class that tells of too little memory.
    """
    import tensorflow as tf  # who writes with it has loaded it already

    try:
        yield
    except tf.errors.OpError as error:
        reason = error.message.rpartition("; ")[2].partition(" [Op:")[0].partition("\n")[0]
        raise OSError(f"{path}: cannot be written: {reason}") from error
