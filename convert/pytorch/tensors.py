"""Storages and tensors of PyTorch files: their types, and tensors as checked views on storages."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

# PyTorch's names of number types. NumPy has no bfloat16: it is the upper half of a float32.
NUMPY_TYPES = {
    "Bool": np.dtype("?"),
    "Byte": np.dtype("u1"),
    "Char": np.dtype("i1"),
    "Short": np.dtype("<i2"),
    "Int": np.dtype("<i4"),
    "Long": np.dtype("<i8"),
    "Half": np.dtype("<f2"),
    "BFloat16": np.dtype("<u2"),
    "Float": np.dtype("<f4"),
    "Double": np.dtype("<f8"),
    "ComplexFloat": np.dtype("<c8"),
    "ComplexDouble": np.dtype("<c16"),
}
STORAGE_KINDS = {f"{kind}Storage": kind for kind in NUMPY_TYPES}

# Tensors that are not read, by the functions that make them and by their types.
OTHER_TENSORS = {
    "torch._utils._rebuild_meta_tensor_no_storage": "meta",
    "torch._utils._rebuild_nested_tensor": "nested",
    "torch._utils._rebuild_qtensor": "quantised",
    "torch._utils._rebuild_sparse_tensor": "sparse",
    "torch._utils._rebuild_tensor_v3": "8-bit float or wide unsigned",
    **dict.fromkeys(("torch.qint8", "torch.qint32", "torch.quint8"), "quantised"),
}

MAX_AXES = 32
MAX_SIZE = 1 << 40  # of an axis
# Tensors that share a storage or repeat a number (stride 0) may be much larger than the file. Together they may have
# these numbers beyond four times what the storages hold.
SPARE_NUMBERS = 1 << 25
FACTOR = 4


class FormatError(ValueError):
    """Something in a PyTorch file that cannot be."""


@dataclass(frozen=True)
class Storage:
    """Numbers of one type in a row.

    `read` returns their bytes, at least `count` numbers of them, little-endian.
    """

    kind: str
    count: int
    read: Callable[[], bytes | memoryview]

    def numbers(self) -> np.ndarray:
        """Return the numbers, (count,), a view of the bytes.

        Raises:
            FormatError: there are fewer bytes than the storage says.
        """
        dtype, data = NUMPY_TYPES[self.kind], self.read()
        if len(data) < self.count * dtype.itemsize:
            raise FormatError(f"a storage of {self.count} numbers has {len(data)} bytes")
        return np.frombuffer(data, dtype, self.count)


@dataclass(frozen=True)
class Tensor:
    """A view on a storage: `shape`, and `strides` and `offset` counted in numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def count(self) -> int:
        """Return how many numbers the tensor has."""
        return math.prod(self.shape)

    def array(self) -> np.ndarray:
        """Return the numbers as an array of `shape`, bfloat16 as float32, without a copy where that is possible."""
        numbers = self.storage.numbers()
        steps = [
            stride * numbers.itemsize if size > 1 else 0 for size, stride in zip(self.shape, self.strides, strict=True)
        ]
        view = np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, steps, writeable=False)
        return _widened(view) if self.storage.kind == "BFloat16" else view


def _widened(halves: np.ndarray) -> np.ndarray:
    return (halves.astype(np.uint32) << 16).view(np.float32)


@dataclass
class TensorBudget:
    """Makes the tensors of a file and bounds the numbers that they may ask for together."""

    left: int = SPARE_NUMBERS
    _seen: set[int] = field(default_factory=set)

    def tensor(self, storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
        """Return the tensor that starts at number `offset` of `storage`.

        Raises:
            FormatError: it does not lie within the storage, or the tensors are together much larger than the file.
        """
        if id(storage) not in self._seen:
            self._seen.add(id(storage))
            self.left += FACTOR * storage.count
        if len(shape) != len(strides) or len(shape) > MAX_AXES or min((offset, *shape, *strides), default=0) < 0:
            raise FormatError(f"a tensor of shape {shape[:MAX_AXES]} with strides {strides[:MAX_AXES]}")
        tensor = Tensor(storage, offset, shape, strides)
        if max(shape, default=0) > MAX_SIZE:
            raise FormatError(f"a tensor of shape {shape}")
        if 0 not in shape:
            last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
            if last >= storage.count:
                raise FormatError(f"a tensor of shape {shape} reaches number {last} of a storage of {storage.count}")
        self.left -= tensor.count
        if self.left < 0:
            raise FormatError("tensors much larger than the numbers stored")
        return tensor
