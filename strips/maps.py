"""Maps that are kept from one stage to the next: in memory, or in a file that is mapped into memory."""

from __future__ import annotations

import tempfile

import ml_dtypes
import numpy as np

from strips.graph import Tensor

NUMPY_TYPES = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}


class StoredMap:
    """The rows of a map.

    Args:
        tensor: the map.
        folder: where its file goes; None: it is kept in memory. The file has no name, so that it is gone as soon as the
            process is.
    """

    def __init__(self, tensor: Tensor, folder: str | None) -> None:
        dtype = NUMPY_TYPES.get(tensor.dtype) or np.dtype(tensor.dtype)
        if folder is None:
            self._rows = np.empty(tensor.shape[1:], dtype)
            return
        with tempfile.TemporaryFile(dir=folder) as file:
            file.truncate(int(np.prod(tensor.shape[1:])) * dtype.itemsize)
            self._rows = np.memmap(file, dtype, "r+", shape=tensor.shape[1:])

    def write(self, rows: range, values: np.ndarray) -> None:
        """Keep `values` (1, rows, width, channels)."""
        self._rows[rows.start : rows.stop] = values[0]

    def read(self, rows: range) -> np.ndarray:
        """Return some rows: (1, rows, width, channels)."""
        return self._rows[None, rows.start : rows.stop]
