"""The output of an export: a file or a folder, written completely or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errors import ArgumentError
from images.temporary_files import errors_named_after, remove_stale, temporary_path
from pipelines.outputs import check_file_output, check_parent, check_utf8
from runs.stopping import uninterrupted
from runtimes.terminal import raise_lost_interrupt

# What makes a folder a SavedModel.
SAVED_MODEL_FILE = "saved_model.pb"


def check_output(output: str | os.PathLike, *, suffix: str) -> Path:
    """Return `output` as a path if an export with this `suffix` ("" for a folder) can be written to it.

    Raises:
        ArgumentError: another suffix, no folder to write it in, what stands there is of another kind, or a SavedModel
            would stand where TensorFlow cannot write it.
    """
    path = Path(output)
    if suffix and path.suffix != suffix:
        raise ArgumentError(f"`output` {path}: a file of this format must end in {suffix}")
    if suffix:
        check_file_output(output)
        check_parent(Path(os.path.realpath(path)))  # a link is followed when the file is written
        return path
    check_parent(path)
    if os.path.lexists(path) and not _is_replaceable_folder(path):
        raise ArgumentError(f"`output` {path}: exists and is not a SavedModel, so it is not replaced")
    check_utf8(path, "a SavedModel folder")
    return path


def _is_replaceable_folder(path: Path) -> bool:
    return path.is_dir() and ((path / SAVED_MODEL_FILE).is_file() or not any(path.iterdir()))


@contextmanager
def whole_or_nothing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; at the end it takes the place of `path`, or vanishes on an error.

    What killed processes have left there is removed first.

    Raises:
        KeyboardInterrupt: there was a signal, and a library has swallowed the interrupt; nothing is written.
    """
    path = Path(os.path.realpath(path))
    remove_stale(path.parent)
    temporary = temporary_path(path, path.suffix)
    try:
        with errors_named_after(path, temporary):
            yield temporary
            raise_lost_interrupt()
            if path.is_dir():
                _replace_folder(path, temporary)
            else:
                temporary.replace(path)
    finally:
        _remove(temporary)


def _replace_folder(path: Path, new: Path) -> None:
    """Put the folder `new` in the place of `path`; a folder with files in it cannot be renamed over."""
    old = temporary_path(path, ".old")
    with uninterrupted():  # or neither of the two would be there
        path.rename(old)
        try:
            new.rename(path)
        except OSError:
            old.rename(path)
            raise
        shutil.rmtree(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def size_of(path: Path) -> int:
    """Return the size in bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else (file for file in path.rglob("*") if file.is_file())
    return sum(file.stat().st_size for file in files)
