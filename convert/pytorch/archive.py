"""The members of the zip archives that PyTorch writes."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from convert.pytorch.tensors import FormatError

MAX_INFLATION = 20  # how much larger than the file its members may be; PyTorch itself does not compress
MAX_TEXT = 1 << 27  # bytes of a description of a program

# What zipfile raises over damaged archives, FormatError included.
READING_ERRORS = (
    zipfile.BadZipFile,
    ValueError,
    KeyError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    zlib.error,
    struct.error,
    OSError,
)


def holds_torchscript(path: Path) -> bool:
    """Return whether a zip archive of PyTorch has a program in TorchScript; False where it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except READING_ERRORS:
        return False
    return any(name.endswith(("/constants.pkl", "/model.json")) for name in names)


class Archive:
    """A zip archive whose members are all in one folder.

    Args:
        path: of the file.
        mark: the member by which the folder is found.

    Raises:
        FormatError: it has no such member, or several, its members are much larger than the file, or its numbers are
            big-endian.
    """

    def __init__(self, path: Path, mark: str) -> None:
        self._path = path
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member.file_size for member in archive.infolist()}
        roots = [name.removesuffix(mark) for name in members if name.endswith(f"/{mark}")]
        if len(roots) != 1:
            raise FormatError(f"a zip archive without the member {mark}, or with several")
        self._root = roots[0]
        self._members = frozenset(members)
        if sum(members.values()) > MAX_INFLATION * path.stat().st_size:
            raise FormatError(f"its members unpack to {sum(members.values())} bytes")
        if "byteorder" in self and self.read("byteorder") != b"little":
            raise FormatError("the numbers are big-endian, which is not supported")

    def __contains__(self, name: str) -> bool:
        """Return whether there is a member of that name in the folder."""
        return self._root + name in self._members

    def names(self) -> list[str]:
        """Return the names of the members in the folder."""
        return [name.removeprefix(self._root) for name in sorted(self._members) if name.startswith(self._root)]

    def read(self, name: str, max_size: int | None = None) -> bytes:
        """Return the bytes of a member; zipfile compares them with their checksum.

        Raises:
            FormatError: there is no such member, or it is damaged or too large.
        """
        try:
            with zipfile.ZipFile(self._path) as archive:
                size = archive.getinfo(self._root + name).file_size
                if max_size is not None and size > max_size:
                    raise FormatError(f"the member {name} has {size} bytes")
                return archive.read(self._root + name)
        except READING_ERRORS as error:
            raise FormatError(f"the member {name}: {error}") from error

    def read_json(self, name: str) -> Any:
        """Return what a member says in JSON.

        Raises:
            FormatError: there is no such member, or it is no JSON.
        """
        try:
            return json.loads(self.read(name, MAX_TEXT))
        except (ValueError, RecursionError) as error:
            raise FormatError(f"the member {name}: {error}") from error
