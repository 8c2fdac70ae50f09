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
    folder = folder or tempfile.gettempdir()
    with unnamed_file(folder) as file:
        resize(file, int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize, folder)
        return np.memmap(file, dtype, "r+", shape=shape)


def unnamed_file(folder: str) -> BinaryIO:
    """Return an empty file in a folder that is gone when it is closed."""
    return cast(BinaryIO, tempfile.TemporaryFile(dir=folder, buffering=0))


def resize(file: BinaryIO, size: int, folder: str) -> None:
    """Give a file in a folder its size, with its blocks: writing where a full disk has none would end the process.

    Raises:
        OSError: there is no room for it.
    """
    if size < size_of(file) or not hasattr(os, "posix_fallocate"):
        os.truncate(file.fileno(), size)
        return
    try:
        os.posix_fallocate(file.fileno(), 0, max(size, 1))
    except OSError as error:
        raise OSError(
            error.errno, f"no room for {size / 1e6:,.1f} MB of temporary files: {error.strerror}", folder
        ) from error


def size_of(file: BinaryIO) -> int:
    """Return how many bytes a file has."""
    return os.fstat(file.fileno()).st_size


def zeros(shape: tuple[int, ...], dtype: Dtype, folder: str | None) -> np.ndarray:
    """Return an array of zeros, in memory where `folder` is None, else in a file there (see `mapped_zeros`)."""
    return np.zeros(shape, dtype) if folder is None else mapped_zeros(shape, dtype, folder)
