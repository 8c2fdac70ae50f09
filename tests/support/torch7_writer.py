"""Writing of Torch7 files, for tests: the values of `convert.torch7.file.values` as torch7's File.lua writes them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from convert.torch7.file.sources import NUMPY_TYPES
from convert.torch7.file.storages import STORAGE_KINDS
from convert.torch7.file.values import LuaTable, TorchObject, TorchStorage, TorchTensor


def write_t7(
    value: Any, *, mode: str = "binary", long_size: int = 8, renamed: Mapping[str, str] | None = None
) -> bytes:
    """Return the file with `value`; `mode` is binary or ascii, `long_size` 4 or 8.

    `renamed` maps tensor and storage types to those to write, as `{"torch.FloatStorage": "torch.HalfStorage",
    "torch.FloatTensor": "torch.HalfTensor"}`; the numbers are converted.
    """
    output = _Ascii() if mode == "ascii" else _Binary(long_size)
    _Writer(output, renamed or {}).write(value)
    return b"".join(output.parts)


def tensor(array: np.ndarray, kind: str = "Float") -> TorchTensor:
    """Return a contiguous tensor with a storage of its own."""
    array = np.ascontiguousarray(array, NUMPY_TYPES[kind])
    storage = TorchStorage(f"torch.{kind}Storage", array.ravel())
    stride = tuple(step // array.itemsize for step in array.strides)
    return TorchTensor(f"torch.{kind}Tensor", array, storage, 0, array.shape, stride)


def module(type_name: str, **fields: Any) -> TorchObject:
    """Return an object with `fields`."""
    return TorchObject(type_name, LuaTable(fields))


def table(*values: Any, **fields: Any) -> LuaTable:
    """Return a table of the `values` at 1, 2 and so on, and the `fields`."""
    return LuaTable({**dict(enumerate(values, start=1)), **fields})


def sequential(*modules: TorchObject) -> TorchObject:
    """Return an nn.Sequential of `modules`."""
    return module("nn.Sequential", modules=table(*modules))


def sizes(*values: int) -> TorchStorage:
    """Return `values` as modules store sizes."""
    return TorchStorage("torch.LongStorage", np.array(values, np.int64))


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Return normally distributed float32 numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class _Binary:
    def __init__(self, long_size: int = 8) -> None:
        self.parts: list[bytes] = []
        self._long = np.dtype(f"<i{long_size}")

    def ints(self, *values: int) -> None:
        self.parts.append(struct.pack(f"<{len(values)}i", *values))

    def double(self, value: float) -> None:
        self.parts.append(struct.pack("<d", value))

    def chars(self, text: bytes) -> None:
        self.parts.append(text)

    def array(self, values: Any, kind: str) -> None:
        dtype = self._long if kind == "Long" else NUMPY_TYPES[kind]
        with np.errstate(over="ignore"):  # gradients left in the files are no numbers for half precision
            self.parts.append(np.asarray(values).astype(dtype).tobytes())


class _Ascii:
    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def ints(self, *values: int) -> None:
        self.parts += [b"%d\n" % value for value in values]

    def double(self, value: float) -> None:
        self.parts.append(b"%.17g\n" % value)

    def chars(self, text: bytes) -> None:
        self.parts.append(text + b"\n" if text else b"")

    def array(self, values: Any, kind: str) -> None:
        array = np.asarray(values).astype(NUMPY_TYPES[kind])
        if array.itemsize == 1:
            self.chars(array.tobytes())
        elif array.size:
            form = {"Double": "%.17g", "Float": "%.9g", "Half": "%.9g"}.get(kind, "%d")
            self.chars(" ".join(form % number for number in array.tolist()).encode())


class _Writer:
    def __init__(self, output: _Binary | _Ascii, renamed: Mapping[str, str]) -> None:
        self.output = output
        self.renamed = renamed
        self.numbers: dict[int, int] = {}
        self.alive: list[Any] = []

    def write(self, value: Any) -> None:
        if value is None:
            self.output.ints(0)
        elif isinstance(value, bool):
            self.output.ints(5, int(value))
        elif isinstance(value, int | float):
            self.output.ints(1)
            self.output.double(value)
        elif isinstance(value, str):
            self.output.ints(2)
            self.string(value)
        else:
            self.reference(value)

    def string(self, text: str) -> None:
        self.output.ints(len(text.encode()))
        self.output.chars(text.encode())

    def reference(self, value: Any) -> None:
        known = id(value) in self.numbers
        number = self.numbers.setdefault(id(value), len(self.numbers) + 1)
        self.output.ints(3 if isinstance(value, LuaTable) else 4, number)
        if not known:
            self.alive.append(value)
            writers = {
                LuaTable: self.table,
                TorchObject: self.object,
                TorchTensor: self.tensor,
                TorchStorage: self.storage,
            }
            writers[type(value)](value)

    def table(self, value: LuaTable) -> None:
        self.output.ints(len(value))
        for key, item in value.items():
            self.write(key)
            self.write(item)

    def name(self, type_name: str, version: int = 1) -> None:
        if version:
            self.string(f"V {version}")
        self.string(self.renamed.get(type_name, type_name))

    def object(self, value: TorchObject) -> None:
        self.name(value.type_name, value.version)
        if value.type_name == "nn.DataParallelTable" and value.version > 1:
            self.write(value.get("gpuAssignments"))
        self.write(value.fields)

    def tensor(self, value: TorchTensor) -> None:
        self.name(value.type_name)
        self.output.ints(len(value.size))
        self.output.array(value.size, "Long")
        self.output.array(value.stride, "Long")
        self.output.array([value.offset + 1], "Long")
        self.write(value.storage)

    def storage(self, value: TorchStorage) -> None:
        self.name(value.type_name)
        self.output.array([value.array.size], "Long")
        self.output.array(value.array, STORAGE_KINDS[self.renamed.get(value.type_name, value.type_name)])


def convolution(inputs, outputs, *, kind="nn.SpatialConvolution", kernel=(1, 1), stride=(1, 1), pad=(0, 0), **fields):
    """Return a convolution with numbers for its weight and bias, unless `fields` has arrays for them."""
    (height, width), (down, right), (rows, columns) = kernel, stride, pad
    weight = fields.pop("weight", numbers(outputs, inputs, height, width, seed=1))
    return module(
        kind,
        nInputPlane=inputs,
        nOutputPlane=outputs,
        kH=height,
        kW=width,
        dH=down,
        dW=right,
        padH=rows,
        padW=columns,
        weight=tensor(weight),
        bias=tensor(fields.pop("bias", numbers(outputs, seed=2))),
        **fields,
    )
