"""Arrays in memory or in memory-mapped files, for the maps between the stages."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from images.large.mapped import zeros
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
        self._rows = zeros(tensor.shape[1:], dtype, folder)

    def write(self, rows: range, values: np.ndarray) -> None:
        """Keep `values` (1, rows, width, channels)."""
        self._rows[rows.start : rows.stop] = values[0]

    def read(self, rows: range) -> np.ndarray:
        """Return some rows: (1, rows, width, channels)."""
        return self._rows[None, rows.start : rows.stop]
