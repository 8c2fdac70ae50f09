"""Lock files: only one run at a time uses a folder."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from errors import UserError
from images.folders import why_not_replaceable

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock file `path` inside; the system releases it however the process ends.

    Raises:
        UserError: another run holds it; the message names its process and host.
        OSError: it cannot be written, as where the disk is full.
    """
    file = _locked(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        file.close()


def is_held(path: Path) -> bool:
    """Say whether somebody holds the lock file `path` now."""
    if not path.exists():
        return False
    with path.open("a+b") as file:
        return not _lock(file)


def remove_stale_lock(path: Path) -> None:
    """Remove the lock file `path` if it is there and nobody holds it: a killed run has left it."""
    if path.exists():
        with suppress(UserError), hold(path):
            pass


def check_replaceable(paths: Iterable[Path]) -> None:
    """Check that a run can write all its files.

    Raises:
        UserError: something else than a writable file stands at one of the paths.
    """
    for path in paths:
        if reason := why_not_replaceable(path):
            raise UserError(f"{path} {reason}, where this run writes a file")


def _locked(path: Path) -> BinaryIO:
    """Return the open lock file with the holder's name in it."""
    check_replaceable([path])
    while True:
        file = path.open("a+b", buffering=0)
        if not _lock(file):
            file.seek(0)
            holder = _read_holder(file.read())
            file.close()
            raise UserError(f"{path.parent}: another run is using this folder ({holder})")
        # The holder before may have removed the file between opening and locking.
        if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            try:
                file.truncate(0)
                file.write(json.dumps({"process": os.getpid(), "host": platform.node()}).encode())
            except OSError as error:
                path.unlink(missing_ok=True)
                file.close()
                raise OSError(error.errno, error.strerror, str(path)) from error
            return file
        file.close()


if sys.platform == "win32":

    def _lock(file: BinaryIO) -> bool:
        # Locked bytes cannot be read: one far behind the holder's name.
        file.seek(1 << 20)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:

    def _lock(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _read_holder(content: bytes) -> str:
    try:
        holder = json.loads(content)
        return f"process {int(holder['process'])} on {holder['host']!s}"
    except (ValueError, KeyError, TypeError):
        return "just starting"
