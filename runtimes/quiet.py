"""Suppressing the messages that C++ libraries write to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import IO

# The process has one standard error for all its threads: the files that it goes to for them, and where it went before.
_lock = Lock()
_files: list[IO[bytes]] = []
_standard_error: list[int] = []


def notes_are_wanted() -> bool:
    """Say whether TF_CPP_MIN_LOG_LEVEL asks for TensorFlow's notes: 0 for all, 1 for warnings."""
    return os.environ.get("TF_CPP_MIN_LOG_LEVEL") in ("0", "1")


@contextmanager
def stderr_to(file: IO[bytes]) -> Iterator[None]:
    """Write to `file` what goes to standard error inside, from C++ too; nothing is done where it is closed.

    Several threads may be inside, whatever their order: it goes to the file of the one that came last of them.
    """
    if not _redirect(file):
        yield
        return
    try:
        yield
    finally:
        _restore(file)


def _redirect(file: IO[bytes]) -> bool:
    """Point standard error to `file`, and say whether there is one."""
    with _lock:
        if not _files:
            try:
                _standard_error.append(os.dup(2))
            except OSError:
                return False
        _flush()
        _files.append(file)
        os.dup2(file.fileno(), 2)
    return True


def _restore(file: IO[bytes]) -> None:
    """Point standard error to the last of the other files, or to where it went before all of them."""
    with _lock:
        _flush()
        _files.remove(file)
        if _files:
            os.dup2(_files[-1].fileno(), 2)
            return
        before = _standard_error.pop()
        os.dup2(before, 2)
        os.close(before)


def _flush() -> None:
    """Flush Python's own standard error, which may be missing or closed."""
    with suppress(AttributeError, ValueError, OSError):
        sys.stderr.flush()


@contextmanager
def without_stderr() -> Iterator[None]:
    """Drop what goes to standard error inside, from C++ too.

    Someone who asks for TensorFlow's notes (see `notes_are_wanted`) sees all of it.
    """
    if notes_are_wanted():
        yield
        return
    with Path(os.devnull).open("wb") as nothing, stderr_to(nothing):
        yield
