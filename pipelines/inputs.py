"""The files that a run is given: looked for before any long work, and read with a line for what is left aside."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from errors import UserError
from images.errors import ImageError, ImageWarning

if TYPE_CHECKING:
    import numpy as np

# Scripts import this before they read their arguments: Pillow and NumPy are loaded where pictures are looked at.


def check_input_files(**files: str | os.PathLike | None) -> None:
    """Check that files are there; the keywords are the arguments that errors name, None is not looked for.

    Raises:
        UserError: one is missing, or is a folder, a device or a named pipe.
    """
    from images.folders import why_no_file

    for name, path in files.items():
        reason = None if path is None else why_no_file(Path(path), expected="a file")
        if reason is not None:
            raise UserError(f"`{name}` {reason}")


def read_opaque(path: str | os.PathLike) -> np.ndarray:
    """Return a picture as float32 (height, width, 3) in [0, 1]; a warning tells where it has transparency.

    Raises:
        ImageError: see `images.reading.read_image`.
    """
    from images.reading import read_image

    picture = read_image(path)
    if picture.alpha is not None and (picture.alpha < 1).any():
        warnings.warn(f"{path}: its transparency is left out", ImageWarning, stacklevel=2)
    return picture.pixels


def readable(paths: Iterable[Path]) -> list[Path]:
    """Return those of a folder's files that are pictures; a warning tells of each of the others.

    They are read one after the other, and not kept.
    """
    from images.reading import read_image

    found = []
    for path in paths:
        try:
            read_image(path)
        except ImageError as error:
            warnings.warn(f"{error}; left out", ImageWarning, stacklevel=2)
        else:
            found.append(path)
    return found
