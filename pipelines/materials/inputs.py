"""Reading the maps of a surface."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from images.color_profiles import srgb_encoded
from images.data.reading import is_exr, read_data
from images.errors import ImageWarning
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
    """Return one map; see `read_maps`. A warning tells where colours are cut off: sRGB has those from 0 to 1."""
    check_input_files(maps=path)
    if not role_of(key).is_color:
        return read_data(path)
    if not is_exr(path):
        return read_opaque(path)
    light = read_data(path)
    if light.min() < 0 or light.max() > 1:
        extent = f"from {light.min():.4g} to {light.max():.4g}"
        warnings.warn(f"{path}: its colours range {extent}; cut off below 0 and above 1", ImageWarning, stacklevel=2)
    return srgb_encoded(light)
