"""Storages and tensors of Torch7 files: their types, and tensors as checked views on storages."""

from __future__ import annotations

import math
from reprlib import repr as short_repr
from typing import Any

import numpy as np

from convert.torch7.file.sources import NUMPY_TYPES, FormatError
from convert.torch7.file.values import LuaFunction, LuaTable, TorchStorage, TorchTensor

MAX_DIMENSIONS = 32

# "torch.FloatTensor": "Float" and so on; tensors of graphics cards are stored as those of the CPU.
TENSOR_KINDS = {f"torch.{cuda}{kind}Tensor": kind for kind in NUMPY_TYPES for cuda in ("", "Cuda")} | {
    "torch.CudaTensor": "Float"
}
STORAGE_KINDS = {name.replace("Tensor", "Storage"): kind for name, kind in TENSOR_KINDS.items()}


class ElementBudget:
    """Bounds the numbers that all tensors of a file may ask for together.

    Overlapping tensors are legal (an expanded dimension has stride 0, shared weights are stored once). So a
    small file may name large tensors, which take memory as soon as something copies them. Allowed are four
    times the numbers stored and 32 Mi numbers more, far above what networks need.
    """

    SPARE = 1 << 25
    FACTOR = 4

    def __init__(self) -> None:
        self.left = self.SPARE

    def store(self, count: int) -> None:
        """Add what a storage of `count` numbers allows."""
        self.left += self.FACTOR * count

    def spend(self, offset: int, count: int) -> None:
        """Take `count` numbers of a tensor at `offset` of the file."""
        self.left -= count
        if self.left < 0:
            raise FormatError(offset, "tensors much larger than the numbers stored", "tensors that fit the file")


def view_tensor(
    type_name: str,
    storage: Any,
    *,
    size: list[int],
    stride: list[int],
    storage_offset: int,
    budget: ElementBudget,
    place: int,
) -> TorchTensor:
    """Return the tensor that starts at element `storage_offset` (from 0) of `storage`.

    `stride` counts elements. A tensor without dimensions or whose storage has no numbers (released before
    saving) is empty. Raises FormatError with the `place` in the file where the storage is of another type, or
    the tensor reaches beyond its storage or the `budget`.
    """
    wanted = type_name.replace("Tensor", "Storage")
    if storage is not None and not (isinstance(storage, TorchStorage) and storage.type_name == wanted):
        raise FormatError(place, f"{_describe(storage)} as storage of a {type_name}", f"a {wanted} or nil")
    geometry: dict[str, Any] = {"offset": storage_offset, "size": tuple(size), "stride": tuple(stride)}
    _check_geometry(type_name, place, size, stride, storage_offset)
    numbers = np.empty(0, np.float32) if storage is None else storage.array
    if not size or not numbers.size:
        return TorchTensor(type_name, numbers[:0], storage, **geometry)
    last = storage_offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if last >= numbers.size:
        found = f"a {type_name} of size {short_repr(size)} that reaches element {last + 1} of its storage"
        raise FormatError(place, found, f"at most {numbers.size}")
    budget.spend(place, math.prod(size))
    # The stride of a dimension of size 1 means nothing and may be any number.
    steps = [step * numbers.itemsize if n > 1 else 0 for n, step in zip(size, stride, strict=True)]
    array = np.ndarray(size, numbers.dtype, numbers, storage_offset * numbers.itemsize, steps)
    return TorchTensor(type_name, array, storage, **geometry)


def _check_geometry(type_name: str, place: int, size: list[int], stride: list[int], offset: int) -> None:
    if any(n < 1 for n in size):
        raise FormatError(place, f"a {type_name} of size {short_repr(size)}", "sizes of 1 or more")
    if any(step < 0 for step in stride):
        raise FormatError(place, f"a {type_name} with strides {short_repr(stride)}", "strides of 0 or more")
    if offset < 0:
        raise FormatError(place, f"a {type_name} with storage offset {offset + 1}", "1 or more")


def _describe(value: Any) -> str:
    names = {bool: "boolean", int: "number", float: "number", str: "string", LuaTable: "table", LuaFunction: "function"}
    return f"a {names.get(type(value)) or value.type_name}"
