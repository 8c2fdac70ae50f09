"""Reading PyTorch's files: the zip format, the older row of pickles, and safetensors."""

from __future__ import annotations

import functools
import io
import math
import mmap
import os
import struct
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  gives NumPy, and so safetensors, bfloat16
import numpy as np
import safetensors

from convert.foreign import PYTORCH_ARCHIVE, PYTORCH_KINDS, SAFETENSORS, name_foreign_file
from convert.printable import printable
from convert.pytorch.archive import READING_ERRORS, Archive
from convert.pytorch.tensors import NUMPY_TYPES, STORAGE_KINDS, FormatError, Storage, TensorBudget
from convert.pytorch.unpickler import Container, FindStorage, Name, Unpickler
from errors import UserError
from images.folders import read_through

LEGACY_PROTOCOL = 1001
MAX_PICKLE = 1 << 27  # bytes of a pickle in an archive

_SAFETENSORS_KINDS = {
    "BOOL": "Bool",
    "U8": "Byte",
    "I8": "Char",
    "I16": "Short",
    "I32": "Int",
    "I64": "Long",
    "F16": "Half",
    "BF16": "BFloat16",
    "F32": "Float",
    "F64": "Double",
}


def read_pytorch(path: str | os.PathLike) -> Any:
    """Return what a PyTorch or safetensors file holds: tensors in dicts, lists and tuples, numbers, texts.

    Nothing that the file names is run. The numbers of a tensor are read when they are asked for.

    Raises:
        UserError: the file is missing, of another kind, damaged, or holds something else than tensors in containers.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    kind = name_foreign_file(path)
    if kind not in PYTORCH_KINDS:
        raise UserError(f"{path} is {kind or 'of an unknown kind'}, neither a PyTorch file nor safetensors")
    read_through(path)
    try:
        if kind == SAFETENSORS:
            return _read_safetensors(path)
        return _read_zip(path) if kind == PYTORCH_ARCHIVE else _read_legacy(path)
    except READING_ERRORS as error:
        raise UserError(f"{path}: cannot be read as a PyTorch file: {printable(str(error), 300)}") from error


def _read_zip(path: Path) -> Any:
    archive = Archive(path, "data.pkl")
    if "constants.pkl" in archive:
        raise FormatError(
            "a TorchScript archive, which holds a program. With PyTorch, "
            "torch.save(torch.jit.load(FILE).state_dict(), NEW_FILE) makes a file of its tensors"
        )
    return Unpickler(archived_storages(archive, "data/")).load(io.BytesIO(archive.read("data.pkl", MAX_PICKLE)))


def archived_storages(archive: Archive, folder: str) -> FindStorage:
    """Return what finds the storages of a pickle among the members of a folder of its archive."""
    storages: dict[str, Storage] = {}

    def find(identity: tuple) -> Storage:
        _, kind, key, _, count = _checked(identity)
        if key not in storages:
            storages[key] = Storage(kind, count, functools.cache(lambda: archive.read(folder + key)))
        return _same(storages[key], kind, count)

    return find


def _read_legacy(path: Path) -> Any:
    """Read four pickles (a magic number, the protocol, the machine, the value), a list of keys, and the storages."""
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    plain = Unpickler()
    plain.load(content)
    if plain.load(content) != LEGACY_PROTOCOL:
        raise FormatError(f"not of the protocol {LEGACY_PROTOCOL}")
    machine = plain.load(content)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise FormatError("the numbers are not little-endian")
    places: dict[str, memoryview] = {}
    storages: dict[str, Storage] = {}
    value = Unpickler(lambda identity: _find_legacy(identity, storages, places)).load(content)
    _place(plain.load(content), storages, places, content)
    return value


def _find_legacy(identity: tuple, storages: dict[str, Storage], places: dict[str, memoryview]) -> Storage:
    _, kind, key, _, count, *view = _checked(identity)
    if key not in storages:
        storages[key] = Storage(kind, count, lambda: _placed(places, key))
    storage = _same(storages[key], kind, count)
    if not view or view[0] is None:
        return storage
    return _part(storage, view[0])


def _part(storage: Storage, view: Any) -> Storage:
    """Return the part of a storage that (key, offset, count) means."""
    if not isinstance(view, tuple) or len(view) != 3 or not all(type(value) is int for value in view[1:]):
        raise FormatError("a part of an invalid storage")
    _, offset, count = view
    if not 0 <= offset <= offset + count <= storage.count:
        raise FormatError("a part beyond the end of its storage")
    width = NUMPY_TYPES[storage.kind].itemsize
    return Storage(storage.kind, count, lambda: storage.read()[offset * width : (offset + count) * width])


def _placed(places: dict[str, memoryview], key: str) -> memoryview:
    if key not in places:
        raise FormatError(f"the storage {printable(key)} is not in the file")
    return places[key]


def _place(keys: Any, storages: dict[str, Storage], places: dict[str, memoryview], content: mmap.mmap) -> None:
    """Find where each storage of the list `keys` lies: a count of eight bytes, then the numbers."""
    if not isinstance(keys, list):
        raise FormatError("it has no list of storages")
    data, position = memoryview(content), content.tell()
    for key in map(str, keys):
        if key not in storages or position + 8 > len(data):
            raise FormatError(f"the storage {printable(key)} belongs to no tensor, or is truncated")
        (count,) = struct.unpack_from("<q", data, position)
        end = position + 8 + count * NUMPY_TYPES[storages[key].kind].itemsize
        if count != storages[key].count or end > len(data):
            raise FormatError(f"the storage {printable(key)} of {storages[key].count} numbers is truncated or damaged")
        places[key], position = data[position + 8 : end], end


def _checked(identity: tuple) -> tuple:
    """Return the parts of a persistent id, with the storage's kind in the place of its type.

    They are "storage", type, key, device, number of elements, and in the old format perhaps a part of it.
    """
    if len(identity) not in (5, 6) or not isinstance(identity[1], Name) or identity[1].name not in STORAGE_KINDS:
        raise FormatError("a storage of an unknown type")
    if not isinstance(identity[2], (str, int)) or type(identity[4]) is not int or identity[4] < 0:
        raise FormatError("a storage without a key and a number of elements")
    return (identity[0], STORAGE_KINDS[identity[1].name], str(identity[2]), *identity[3:])


def _same(storage: Storage, kind: str, count: int) -> Storage:
    if (storage.kind, storage.count) != (kind, count):
        raise FormatError("one storage with two types or sizes")
    return storage


def _read_safetensors(path: Path) -> Container:
    result, budget = Container(), TensorBudget()
    try:
        with safetensors.safe_open(path, framework="np") as file:
            parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  it is no mapping
            types = {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in parts.items()}
    except (safetensors.SafetensorError, OSError) as error:
        raise FormatError(f"safetensors: {error}") from error
    for name, (kind, shape) in types.items():
        if kind not in _SAFETENSORS_KINDS:
            raise FormatError(f"the tensor {printable(name)} has the type {kind}, which is not supported")
        storage = Storage(_SAFETENSORS_KINDS[kind], math.prod(shape), functools.partial(_safetensors_bytes, path, name))
        strides = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
        result[name] = budget.tensor(storage, 0, shape, strides)
    return result


def _safetensors_bytes(path: Path, name: str) -> memoryview:
    with safetensors.safe_open(path, framework="np") as file:
        return np.ascontiguousarray(file.get_tensor(name)).reshape(-1).view(np.uint8).data
