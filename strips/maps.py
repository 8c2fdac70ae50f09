"""Arrays in memory or in memory-mapped files, for the maps between the stages."""

from __future__ import annotations

from math import prod
from typing import BinaryIO

import ml_dtypes
import numpy as np

from images.large.mapped import resize, size_of, unnamed_file
from strips.graph import Tensor

NUMPY_TYPES = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}


class MapFiles:
    """Files for maps; what one map leaves, the next one gets.

    A run writes several times what it keeps at a time, and writing to pages that the system has to find first takes
    twice to twenty times as long as writing to those of an earlier map.

    Args:
        folder: where they are.
        size: bytes that they may take in all.
    """

    def __init__(self, folder: str, size: int) -> None:
        self._folder, self._size = folder, size
        self._used: list[BinaryIO] = []
        self._free: list[BinaryIO] = []

    def take(self, size: int) -> BinaryIO:
        """Return a file of so many bytes, whatever they are.

        Raises:
            OSError: there is no room for it.
        """
        self._free.sort(key=lambda one: abs(size_of(one) - size), reverse=True)
        file = self._free.pop() if self._free else unnamed_file(self._folder)
        self._used.append(file)
        while self._free and size + sum(map(size_of, [*self._used[:-1], *self._free])) > self._size:
            self._free.pop(0).close()
        resize(file, size, self._folder)
        return file

    def give_back(self, file: BinaryIO) -> None:
        """Let another map have the file."""
        self._used.remove(file)
        self._free.append(file)

    def close(self) -> None:
        """Let go of the files, with what is in them."""
        for file in (*self._used, *self._free):
            file.close()


class StoredMap:
    """The rows of a map.

    Args:
        tensor: the map.
        files: where its file comes from; None: it is kept in memory.
    """

    def __init__(self, tensor: Tensor, files: MapFiles | None) -> None:
        dtype = NUMPY_TYPES.get(tensor.dtype) or np.dtype(tensor.dtype)
        shape = tensor.shape[1:]
        self._files = files
        self._file = None if files is None else files.take(prod(shape) * dtype.itemsize)
        self._rows = np.zeros(shape, dtype) if self._file is None else np.memmap(self._file, dtype, "r", shape=shape)

    def write(self, rows: range, values: np.ndarray) -> None:
        """Keep `values` (1, rows, width, channels)."""
        if self._file is None:
            self._rows[rows.start : rows.stop] = values[0]
        else:
            self._file.seek(rows.start * self._rows[0].nbytes)
            data = np.ascontiguousarray(values[0], self._rows.dtype).view(np.uint8).data.cast("B")
            while data:  # the system may write a part
                data = data[self._file.write(data) :]

    def close(self) -> None:
        """Let go of what it holds."""
        if self._files is not None and self._file is not None:
            self._files.give_back(self._file)

    def read(self, rows: range) -> np.ndarray:
        """Return some rows: (1, rows, width, channels)."""
        return self._rows[None, rows.start : rows.stop]
