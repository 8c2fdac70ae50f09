"""The zip archive of a `.keras` file: three members of sensible size, read whole and with their check sums."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compat import zip_directory_size
from errors import UserError

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# A layer takes about a thousand characters of configuration; tens of thousands of layers cannot be built anyway.
MAX_CONFIG_BYTES = 8 << 20
MAX_METADATA_BYTES = 1 << 16
# Weights hardly compress: what grows by more than this was made to fill the memory.
MAX_EXPANSION = 16
MAX_MEMBERS = 16
# Of the list of members, which zipfile reads whole, at a kilobyte of memory for each.
MAX_DIRECTORY_BYTES = 1 << 16


@dataclass(frozen=True)
class ModelArchive:
    """The contents of a `.keras` file.

    Attributes:
        config: the parsed configuration, not yet checked.
        weights: the bytes of an HDF5 file, not yet checked.
    """

    config: dict[str, Any]
    weights: bytes


def read_archive(path: str | os.PathLike) -> ModelArchive:
    """Read a `.keras` file; its size bounds the memory that this takes.

    Raises:
        UserError: it is damaged, or holds other members or larger ones than a model has.
    """
    path = Path(path)
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            members = _members(archive, path.stat().st_size)
            config = archive.read(members[CONFIG])
            weights = archive.read(members[WEIGHTS])
    # zipfile raises RuntimeError (NotImplementedError too) for encryption and methods that it does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OverflowError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"the zip archive is damaged: {error}") from error
    return ModelArchive(_parse(config), weights)


def _check_directory(path: Path) -> None:
    with path.open("rb") as file:
        size = zip_directory_size(file)
    if size > MAX_DIRECTORY_BYTES:
        raise UserError(
            f"the archive's list of members has {size} bytes; a model has only {CONFIG}, {METADATA} and {WEIGHTS}"
        )


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name; raise UserError where they are not those of a model or too large for the file."""
    found = [member for member in archive.infolist() if not member.is_dir()]
    names = [member.filename for member in found]
    if len(found) > MAX_MEMBERS or set(names) - {CONFIG, METADATA, WEIGHTS} or len(set(names)) < len(names):
        others = [name for name in names if name not in (CONFIG, METADATA, WEIGHTS)][:3] or ["a name twice"]
        raise UserError(f"the archive holds {', '.join(others)}; a model has only {CONFIG}, {METADATA} and {WEIGHTS}")
    limits = {CONFIG: MAX_CONFIG_BYTES, METADATA: MAX_METADATA_BYTES, WEIGHTS: MAX_EXPANSION * size}
    for member in found:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UserError(f"{member.filename} is compressed in a way that Keras does not use")
        if member.file_size > limits[member.filename]:
            raise UserError(
                f"{member.filename} has {member.file_size} bytes, more than the {limits[member.filename]} "
                "that a file of this size can need"
            )
    for name in (CONFIG, WEIGHTS):
        if name not in names:
            raise UserError(f"there is no {name} in the archive")
    return {member.filename: member for member in found}


def _parse(data: bytes) -> dict[str, Any]:
    try:
        config = json.loads(data)
    except RecursionError as error:
        raise UserError(f"{CONFIG} is nested too deeply") from error
    except ValueError as error:  # bytes that are not UTF-8, and numbers of too many digits, too
        raise UserError(f"{CONFIG} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{CONFIG} does not describe a model")
    return config
