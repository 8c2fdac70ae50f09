"""Where a model comes from: the record that its file carries in its metadata."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from version import VERSION

# The name of the record in the metadata of `.keras`, ONNX and LiteRT files.
PROVENANCE = "texture_nets_provenance"
PROGRAM = f"Texture Nets for Keras {VERSION}"
METADATA = "metadata.json"
MAX_SIZE = 2**16

Provenance = Mapping[str, Any]


def make_provenance(
    sources: Iterable[str | os.PathLike],
    *,
    convention: str,
    parity: Mapping[str, float] | str,
    fitting_size: int | None = None,
) -> dict[str, Any]:
    """Return the record of a model that was made of foreign files.

    Args:
        sources: the files.
        convention: what the model takes and returns, in a few words: "texture-nets", "none" ...
        parity: how near the model is to its original, and how that is known: differences by name, or a remark.
        fitting_size: the size of all free dimensions of the inputs, if only one fits the model.
    """
    files = [{"name": Path(source).name, "sha256": sha256_of(Path(source))} for source in sources]
    record = {"sources": files, "program": PROGRAM, "convention": convention, "parity": parity}
    return record if fitting_size is None else record | {"fitting_size": fitting_size}


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; of a folder that of the hashes of its files, by their names."""
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            digest.update(
                f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n".encode("utf-8", "surrogateescape")
            )
        return digest.hexdigest()
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def add_provenance(path: Path, provenance: Provenance) -> None:
    """Write the record into the metadata of a `.keras` file, in place; Keras passes over it."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[METADATA] = json.dumps({**json.loads(members[METADATA]), PROVENANCE: provenance}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def read_provenance(path: str | os.PathLike) -> dict[str, Any] | None:
    """Return the record of a `.keras` file, None where it has none or one that cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = json.loads(archive.read(METADATA)).get(PROVENANCE)
    except (OSError, KeyError, ValueError, AttributeError, RuntimeError, zipfile.BadZipFile):
        return None
    return found if isinstance(found, dict) else None


def fitting_size_of(provenance: Provenance | None) -> int | None:
    """Return the size of all free dimensions of a model's inputs, if its record tells that only one fits."""
    size = (provenance or {}).get("fitting_size")
    return size if isinstance(size, int) and 1 <= size <= MAX_SIZE else None
