"""Files of a run's state: written completely or not at all, checked when they are read."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from errors import UserError
from images.folders import why_no_file
from images.temporary_files import whole_file

# In a state: what is no array, as JSON.
ABOUT = "about"
# What reading a file that is damaged or made up can raise.
DAMAGE = (
    OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, RuntimeError, MemoryError, OverflowError,
    SyntaxError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class DamagedError(UserError):
    """A file of an interrupted run that cannot be read."""


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with whole_file(path) as file:
        file.write(content)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON whole or not at all."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    # Bytes of a file's name that are not UTF-8 become escapes, which JSON reads again.
    write_whole(path, text.encode("utf-8", "backslashreplace"))


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        DamagedError: there is none.
    """
    _check_file(path)
    try:
        content = json.loads(path.read_bytes())
    except DAMAGE as error:
        raise DamagedError(f"{path}: cannot be read ({_reason(error)})") from error
    if not isinstance(content, dict):
        raise DamagedError(f"{path}: does not contain a JSON object")
    return content


def write_state(path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> None:
    """Write a state, an .npz file, whole or not at all.

    Args:
        path: the .npz file.
        arrays: by name.
        about: everything else, ready for JSON.
    """
    with whole_file(path) as file:
        # Any, for the stubs of savez take each name for that of its own argument, a bool.
        content: dict[str, Any] = {ABOUT: np.asarray(json.dumps(about)), **arrays}
        np.savez(file, **content)


def read_state(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays of a state and what else it holds.

    Raises:
        FileNotFoundError: there is none.
        DamagedError: it is damaged.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    _check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name.removesuffix(".npy"): _read_array(archive, name) for name in archive.namelist()}
        about = json.loads(arrays.pop(ABOUT).item()) if ABOUT in arrays else {}
    except DAMAGE as error:
        raise DamagedError(f"{path}: damaged ({_reason(error)})") from error
    if not isinstance(about, dict):
        raise DamagedError(f"{path}: damaged (its description is not a JSON object)")
    return arrays, about


def _check_file(path: Path) -> None:
    """Raise DamagedError where there is no file, or what would not be read to its end, such as a named pipe."""
    if reason := why_no_file(path, expected="a file"):
        raise DamagedError(reason)


def _reason(error: Exception) -> str:
    """Return why a file cannot be read; errors of the system tell its number and the file too, which is known."""
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Return an array of an .npz file that is as large as the file says, checked by its sum."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise ValueError(f"{name} is compressed")
    content = archive.read(info)
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, _, dtype = read_header(file)
    if dtype.hasobject or int(np.prod(shape, dtype=object)) * dtype.itemsize != len(content) - file.tell():
        raise ValueError(f"{name} does not have the stated size")
    return np.load(io.BytesIO(content), allow_pickle=False)
