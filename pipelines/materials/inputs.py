"""Reading the maps of a surface."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from images.color_profiles import srgb_encoded
from images.data.reading import is_exr, read_data
from pipelines.inputs import check_input_files, read_opaque
from pipelines.materials.surface import checked, role_of


def read_maps(paths: Mapping[str, Path]) -> dict[str, np.ndarray]:
    """Return maps as `checked` gives them; colours are converted to sRGB, data are the numbers of their files.

    Args:
        paths: files by key.

    Raises:
        ArgumentError, UserError: see `checked`.
        ImageError: a file cannot be read.
    """
    return checked({key: read_map(key, path) for key, path in paths.items()})


def read_map(key: str, path: Path) -> np.ndarray:
    """Return one map; see `read_maps`."""
    check_input_files(maps=path)
    if not role_of(key).is_color:
        return read_data(path)
    return srgb_encoded(read_data(path)) if is_exr(path) else read_opaque(path)
