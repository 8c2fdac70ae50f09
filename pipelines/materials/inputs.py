"""The maps of a surface, from files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from images.color_profiles import srgb_encoded
from images.data.reading import is_exr, read_data
from images.reading import read_image
from pipelines.inputs import check_input_files
from pipelines.materials.surface import checked, role_of
from runs.resuming import Note


def read_maps(paths: Mapping[str, Path], note: Note) -> dict[str, np.ndarray]:
    """Return maps as `checked` gives them; colours are converted to sRGB, data are the numbers of their files.

    Args:
        paths: files by key.
        note: told of what is left out.

    Raises:
        ArgumentError, UserError: see `checked`.
        ImageError: a file cannot be read.
    """
    return checked({key: read_map(key, path, note) for key, path in paths.items()})


def read_map(key: str, path: Path, note: Note) -> np.ndarray:
    """Return one map; see `read_maps`."""
    check_input_files(maps=path)
    if not role_of(key).is_color:
        return read_data(path)
    if path.is_file() and is_exr(path):
        return srgb_encoded(read_data(path))
    picture = read_image(path)
    if picture.alpha is not None and (picture.alpha < 1).any():
        note(f"{path}: its transparency is left out")
    return picture.pixels
