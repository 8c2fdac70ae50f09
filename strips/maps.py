"""Arrays that are kept in memory, or in a file that is mapped into memory, as the maps from one stage to the next."""

from __future__ import annotations

import tempfile

import ml_dtypes
import numpy as np

from strips.graph import Tensor

# Of an array that may be in a file.
Dtype = np.dtype | type[np.generic] | str
NUMPY_TYPES = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}


def zeros(shape: tuple[int, ...], dtype: Dtype, folder: str | None) -> np.ndarray:
    """Return an array of zeros, in memory or in a file.

    Args:
        shape: of the array.
        dtype: of its numbers.
        folder: where the file goes, which has no name there: it is gone as soon as the array or the process is. None:
            the array is in memory.
    """
    if folder is None:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, "r+", shape=shape)


class StoredMap:
    """The rows of a map.

    Args:
        tensor: the map.
        folder: where its file goes; None: it is kept in memory.
    """

    def __init__(self, tensor: Tensor, folder: str | None) -> None:
        dtype = NUMPY_TYPES.get(tensor.dtype) or np.dtype(tensor.dtype)
        self._rows = zeros(tensor.shape[1:], dtype, folder)

    def write(self, rows: range, values: np.ndarray) -> None:
        """Keep `values` (1, rows, width, channels)."""
        self._rows[rows.start : rows.stop] = values[0]

    def read(self, rows: range) -> np.ndarray:
        """Return some rows: (1, rows, width, channels)."""
        return self._rows[None, rows.start : rows.stop]
