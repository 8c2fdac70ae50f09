"""Checks of the files that a run is to write, before any long work."""

from __future__ import annotations

import shutil
from pathlib import Path

from errors import ArgumentError, UserError
from images.formats import WRITABLE_FORMATS


def check_picture_output(path: Path, *, name: str = "output") -> None:
    """Check that a picture can be written to the file `path`.

    Raises:
        ArgumentError: the suffix names no picture format that is written, or there is no folder to write it in. The
            message calls the argument `name`.
    """
    known = ", ".join(sorted(WRITABLE_FORMATS))
    if not path.suffix:
        raise ArgumentError(f"`{name}` {path}: the file of a picture must end in one of {known}")
    if path.suffix.lower() not in WRITABLE_FORMATS:
        raise ArgumentError(f"`{name}` {path}: unknown picture format {path.suffix} (known: {known})")
    check_file_output(path, name=name)


def check_file_output(path: Path, *, name: str = "output") -> None:
    """Check that a file can be written to `path`.

    Raises:
        ArgumentError: there is no folder to write it in, or a folder stands there.
    """
    if not path.absolute().parent.is_dir():
        raise ArgumentError(f"`{name}` {path}: there is no folder {path.parent}")
    if path.is_dir():
        raise ArgumentError(f"`{name}` {path} is a folder")


def check_disk_space(folder: Path, needed: int, advice: str) -> None:
    """Raise UserError unless the disk of `folder` has `needed` bytes left; `advice` says how a run needs fewer."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder}: {free / 1e6:.0f} MB are free on its disk, the run may need {needed / 1e6:.0f} MB ({advice})"
        )
