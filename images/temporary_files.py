"""Files that appear whole or not at all: written under a temporary name beside the final one."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

# Names of temporary files: a process, a host, a token, and a suffix where the writer wants one.
_TEMPORARY = re.compile(r"\.(\d+)-([0-9a-f]{8})-[0-9a-f]{8}\.tmp(\.[\w.]+)?")
# Seconds in which nobody wrote to a temporary file of a process that is gone, before it is removed: another container
# may have the same host's name.
MIN_STALE_SECONDS = 1.0


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; it takes its place at the end, or vanishes on an error.

    Raises:
        OSError: it cannot be written; the message names `path`.
    """
    with whole_path(path) as temporary, temporary.open("x+b") as file:
        yield file


@contextmanager
def whole_path(path: Path, suffix: str = "") -> Iterator[Path]:
    """Yield a new name beside `path`; the file written there takes its place at the end, or vanishes on an error.

    Args:
        path: what the file becomes.
        suffix: of the name, for writers that look at it.

    Raises:
        OSError: it cannot be written; the message names `path`.
    """
    temporary = temporary_path(path, suffix)
    try:
        with errors_named_after(path, temporary):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_files(folder: Path) -> Iterator[Path]:
    """Yield a new folder inside `folder`; the files written there move to `folder` at the end, or vanish on an error.

    They take the place of files of the same names in the order in which they were written. Errors inside, whose
    messages name files of the new folder, name them as those of `folder`.

    Raises:
        OSError: the new folder cannot be made, or a file cannot take its place.
    """
    temporary = temporary_path(folder / "files")
    temporary.mkdir()
    try:
        yield temporary
        for path in sorted(temporary.iterdir(), key=lambda path: path.stat().st_mtime_ns):
            path.replace(folder / path.name)
    except Exception as error:
        error.args = tuple(_renamed(part, temporary, folder) for part in error.args)
        if isinstance(error, OSError):
            error.filename = _renamed(error.filename, temporary, folder)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _renamed(part: object, temporary: Path, folder: Path) -> object:
    """Return a part of an error with the final folder in place of the temporary one, where it is a text."""
    return part.replace(str(temporary), str(folder)) if isinstance(part, str) else part


@contextmanager
def errors_named_after(path: Path, temporary: Path) -> Iterator[None]:
    """Let the system's errors (OSError) name `path`, not the temporary file that is written first."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary)):  # a library's own, or of another file
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def temporary_path(path: Path, suffix: str = "") -> Path:
    """Return a new name beside `path` for what is written there first; it tells whose it is.

    Args:
        path: what the file becomes.
        suffix: of the name, for writers that look at it.
    """
    return path.with_name(f".{os.getpid()}-{_host()}-{secrets.token_hex(4)}.tmp{suffix}")


def remove_stale(folder: Path) -> None:
    """Remove temporary files and folders of this program in `folder` that killed processes here have left.

    One that was written to a moment ago is waited for.
    """
    for path in folder.glob(".*.tmp*"):
        found = _TEMPORARY.fullmatch(path.name)
        if found and found[2] == _host() and not _is_alive(int(found[1])):
            with suppress(OSError):
                if 0 < (age := _age(path)) < MIN_STALE_SECONDS:
                    time.sleep(MIN_STALE_SECONDS - age)
                    age = _age(path)
                if age < MIN_STALE_SECONDS:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def _age(path: Path) -> float:
    """Return for how many seconds nobody has written to a file."""
    return time.time() - path.stat().st_mtime


def _host() -> str:
    return hashlib.sha256(platform.node().encode(errors="surrogateescape")).hexdigest()[:8]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
