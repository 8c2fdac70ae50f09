"""The files that a run is given: looked for before any long work, and read with a line for what is left aside."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from errors import UserError
from images.errors import ImageError, ImageWarning
from images.folders import why_no_file
from images.reading import read_image


def check_input_files(**files: str | os.PathLike | None) -> None:
    """Check that files are there; the keywords are the arguments that errors name, None is not looked for.

    Raises:
        UserError: one is missing, or is a folder, a device or a named pipe.
    """
    for name, path in files.items():
        reason = None if path is None else why_no_file(Path(path), expected="a file")
        if reason is not None:
            raise UserError(f"`{name}` {reason}")


def read_opaque(path: str | os.PathLike) -> np.ndarray:
    """Return a picture as float32 (height, width, 3) in [0, 1]; a warning tells where it has transparency.

    Raises:
        ImageError: see `images.reading.read_image`.
    """
    picture = read_image(path)
    if picture.alpha is not None and (picture.alpha < 1).any():
        warnings.warn(f"{path}: its transparency is left out", ImageWarning, stacklevel=2)
    return picture.pixels


def readable(paths: Iterable[Path]) -> list[Path]:
    """Return those of a folder's files that are pictures; a warning tells of each of the others.

    They are read one after the other, and not kept.
    """
    found = []
    for path in paths:
        try:
            read_image(path)
        except ImageError as error:
            warnings.warn(f"{error}; left out", ImageWarning, stacklevel=2)
        else:
            found.append(path)
    return found
