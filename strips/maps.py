"""Arrays in memory or in memory-mapped files, for the maps between the stages."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from images.large.mapped import file_of_zeros
from strips.graph import Tensor

NUMPY_TYPES = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}


class StoredMap:
    """The rows of a map.

    Args:
        tensor: the map.
        folder: where its file goes; None: it is kept in memory.
    """

    def __init__(self, tensor: Tensor, folder: str | None) -> None:
        dtype = NUMPY_TYPES.get(tensor.dtype) or np.dtype(tensor.dtype)
        shape = tensor.shape[1:]
        self._file = None if folder is None else file_of_zeros(shape, dtype, folder)
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
        """Let go of the file, with what is in it."""
        if self._file is not None:
            self._file.close()

    def read(self, rows: range) -> np.ndarray:
        """Return some rows: (1, rows, width, channels)."""
        return self._rows[None, rows.start : rows.stop]
