"""Suppressing the messages that C++ libraries write to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


def notes_are_wanted() -> bool:
    """Say whether TF_CPP_MIN_LOG_LEVEL asks for TensorFlow's notes: 0 for all, 1 for warnings."""
    return os.environ.get("TF_CPP_MIN_LOG_LEVEL") in ("0", "1")


@contextmanager
def stderr_to(file: IO[bytes]) -> Iterator[None]:
    """Write to `file` what goes to standard error inside, from C++ too; nothing is done where it is closed."""
    try:
        standard_error = os.dup(2)
    except OSError:
        yield
        return
    _flush()
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        _flush()
        os.dup2(standard_error, 2)
        os.close(standard_error)


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
