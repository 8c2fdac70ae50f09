"""Whether a texture is as good at its border as in its middle."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.quality.judge import moment_distance
from benchmarks.quality.patches import patch_distance

WIDTH = 48

Features = Callable[[np.ndarray], list[np.ndarray]]


def border_strips(picture: np.ndarray) -> list[np.ndarray]:
    """Return the four strips of WIDTH pixels along the edges, (WIDTH, length, 3); sides are turned."""
    upright = np.swapaxes(picture, 0, 1)
    return [values[rows] for values in (picture, upright) for rows in (slice(WIDTH), slice(-WIDTH, None))]


def middle_strips(picture: np.ndarray) -> list[np.ndarray]:
    """Return four strips of the same shapes within the picture, whose far ends alone lie at the border."""
    return [
        values[start : start + WIDTH]
        for values in (picture, np.swapaxes(picture, 0, 1))
        for start in (len(values) // 2 - WIDTH, len(values) // 2)
    ]


def border_ratios(picture: np.ndarray, source: np.ndarray, features: Features) -> tuple[float, float]:
    """Return (patch distance, distance of AlexNet's features) from the source of the border over that of the middle.

    All of them are those of strips of the same shapes, so that what ends at a strip's edge weighs the same; the
    source is cut into such strips too.

    Args:
        picture: (height, width, 3) in [0, 1], at least 4 WIDTH a side.
        source: at least WIDTH a side.
        features: of the judge.
    """
    along = _strips(source)
    across = _strips(np.swapaxes(source, 0, 1))
    pairs = [(strips(picture)[:2], along) for strips in (border_strips, middle_strips)]
    turned = [(strips(picture)[2:], across) for strips in (border_strips, middle_strips)]
    border, middle = (
        np.sum([_distances(found, wanted, features) for found, wanted in side], axis=0)
        for side in zip(pairs, turned, strict=True)
    )
    return float(border[0] / middle[0]), float(border[1] / middle[1])


def _strips(picture: np.ndarray) -> list[np.ndarray]:
    return [picture[start : start + WIDTH] for start in range(0, len(picture) - WIDTH + 1, WIDTH)]


def _distances(found: Sequence[np.ndarray], wanted: Sequence[np.ndarray], features: Features) -> tuple[float, float]:
    """Return the patch distance and the distance of features of strips of one shape."""
    patch = patch_distance(np.concatenate(found, axis=1), np.concatenate(wanted, axis=1))
    described = [[_stacked(layer) for layer in zip(*map(features, strips), strict=True)] for strips in (found, wanted)]
    return patch, moment_distance(*described)


def _stacked(layers: Sequence[np.ndarray]) -> np.ndarray:
    """Return the positions of one layer of several strips side by side."""
    return np.concatenate([layer.reshape(-1, 1, layer.shape[-1]) for layer in layers])
