"""Arrays in files that are mapped into memory."""

from __future__ import annotations

import os
import tempfile
from typing import BinaryIO, cast

import numpy as np

# Of an array that may be in a file.
Dtype = np.dtype | type[np.generic] | str


def mapped_zeros(shape: tuple[int, ...], dtype: Dtype, folder: str | None = None) -> np.ndarray:
    """Return an array of zeros in a file without a name, which is gone as soon as the array or the process is.

    Args:
        shape: of the array.
        dtype: of its numbers.
        folder: where the file goes; None: the system's for temporary files.

    Raises:
        OSError: there is no room for it.
    """
    with file_of_zeros(shape, dtype, folder) as file:
        return np.memmap(file, dtype, "r+", shape=shape)


def file_of_zeros(shape: tuple[int, ...], dtype: Dtype, folder: str | None = None) -> BinaryIO:
    """Return the file of `mapped_zeros`, for those who write to it: pages that are mapped cost more to write."""
    folder = folder or tempfile.gettempdir()
    file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  the caller closes it
    try:
        _reserve(file.fileno(), int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize, folder)
    except OSError:
        file.close()
        raise
    return cast(BinaryIO, file)


def zeros(shape: tuple[int, ...], dtype: Dtype, folder: str | None) -> np.ndarray:
    """Return an array of zeros, in memory where `folder` is None, else in a file there (see `mapped_zeros`)."""
    return np.zeros(shape, dtype) if folder is None else mapped_zeros(shape, dtype, folder)


def _reserve(file: int, size: int, folder: str) -> None:
    """Give a file its size, with its blocks: writing where a full disk has none would end the process."""
    if not hasattr(os, "posix_fallocate"):
        os.truncate(file, size)
        return
    try:
        os.posix_fallocate(file, 0, max(size, 1))
    except OSError as error:
        raise OSError(
            error.errno, f"no room for {size / 1e9:.1f} GB of temporary files: {error.strerror}", folder
        ) from error
