"""Files of VGG-19's weights in the layout of keras.applications, with random numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

SHAPES = {"conv1_1": (3, 3, 3, 64), "conv1_2": (3, 3, 64, 64)}
Weights = Mapping[str, Sequence[np.ndarray]]


def random_weights(shapes: Mapping[str, Sequence[int]] = SHAPES) -> dict[str, list[np.ndarray]]:
    """Return a kernel and a bias for each layer."""
    generator = np.random.default_rng(0)
    return {
        name: [generator.normal(size=size).astype("float32") for size in (shape, shape[-1:])]
        for name, shape in shapes.items()
    }


def write_weights(path: Path, weights: Weights | None = None) -> Path:
    """Write the layout of keras.applications' files: a group a layer, its datasets named by an attribute."""
    with h5py.File(path, "w") as file:
        for name, arrays in (weights or random_weights()).items():
            group = file.create_group(name)
            names = [f"{name}_{kind}_1:0" for kind in "Wb"][: len(arrays)]
            for dataset, array in zip(names, arrays, strict=True):
                group[dataset] = array
            group.attrs["weight_names"] = np.array(names, dtype="S")
    return path
