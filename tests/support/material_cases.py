"""A surface with known relations: stones, each of one colour, roughness and height."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from images.data.writing import write_map
from pipelines.materials.derive import normal_of
from pipelines.synthesis.texture import Texture

WRAPS = (True, True)


def stones(size: int = 64, count: int = 20, seed: int = 0) -> dict[str, np.ndarray]:
    """Return the maps of stones that repeat, float32 (size, size, 1 or 3) in [0, 1].

    Gaps are dark, deep and rough; a stone is a dome, and the higher and smoother the lighter it is.
    """
    random = np.random.default_rng(seed)
    middles = random.random((count, 2)) * size
    around = [middles + size * np.array([down, right]) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    pixels = np.stack(np.mgrid[:size, :size], axis=2) + 0.5
    distances, nearest = cKDTree(np.concatenate(around)).query(pixels, k=2)
    edge = np.clip((distances[..., 1] - distances[..., 0]) / (0.08 * size), 0, 1)
    light = random.random(count)[nearest[..., 0] % count]
    tint = random.random((count, 3))[nearest[..., 0] % count]
    height = (1 - (1 - edge) ** 2) * (0.5 + 0.5 * light)
    grain = 0.02 * random.standard_normal((size, size, 1))
    base = (0.2 + 0.5 * light[..., np.newaxis] + 0.2 * tint + grain) * (0.3 + 0.7 * edge[..., np.newaxis])
    roughness = np.where(edge > 0.2, 0.8 - 0.6 * light, 1.0)
    grey = {"roughness": roughness, "height": height, "ao": 0.4 + 0.6 * edge}
    maps = {"baseColor": np.clip(base, 0, 1), "normal": normal_of(height[..., np.newaxis], WRAPS)}
    maps |= {key: values[..., np.newaxis] for key, values in grey.items()}
    return {key: values.astype(np.float32) for key, values in maps.items()}


def without_synthesis(sources: Sequence[np.ndarray], **options: Any) -> Texture:
    """Return, in place of `synthesize_pictures`, a part of the source as the texture, from the middle of it on."""
    width = options["output_width"]
    size = options["output_height"] or width, width
    shift = [-(side // 2) for side in sources[0].shape[:2]]
    picture = np.roll(sources[0], shift, axis=(0, 1))[: size[0], : size[1]]
    return Texture(picture[np.newaxis], "done", options["max_iter"], 1, 0.0, 0.5, {}, False)


def write_stones(folder: Path, size: int = 64) -> dict[str, Path]:
    """Write the maps of stones, heights in 16 bits, and return their files by key."""
    files = {key: folder / f"stones_{key}.png" for key in stones(size)}
    for key, values in stones(size).items():
        write_map(files[key], values, bits=16 if key == "height" else 8, is_color=key == "baseColor")
    return files
