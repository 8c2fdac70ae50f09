"""Inputs and outputs of a network, recorded in an `.npz` file."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np

from errors import UserError, one_line
from images.folders import read_through


def read_arrays(path: str | Path, option: str, names: str = ".*") -> dict[str, np.ndarray]:
    """Return the arrays of an `.npz` file by their names.

    Args:
        path: of the file.
        option: the argument that errors name.
        names: regular expression of the names that are read.

    Raises:
        UserError: it is no sound `.npz` file, or an array has other values than numbers and truth values.
        OSError: the file cannot be read.
    """
    read_through(path)
    if not zipfile.is_zipfile(path):  # of a text NumPy says that it may be loaded without safety
        raise UserError(f"`{option}` {path}: not an .npz file of arrays (numpy.savez writes them), or cut short")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files if re.fullmatch(names, name)}
    except Exception as error:  # zipfile, zlib and NumPy raise anything for damaged files
        raise UserError(f"`{option}` {path}: not an .npz file of arrays: {one_line(error)}") from error
    for name, array in found.items():
        if array.dtype.kind not in "fiub":
            raise UserError(f"`{option}` {path}: the array {name} has values of type {array.dtype}, not numbers")
    return found
