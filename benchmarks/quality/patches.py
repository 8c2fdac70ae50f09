"""Judges of a texture by its patches: their distribution, and whether they are copies."""

from __future__ import annotations

import numpy as np

from benchmarks.quality.judge import sliced_wasserstein
from images.resizing import resize

SIZE = 7
SCALES = 3
# Between the patches whose origins are looked for: they touch and do not overlap.
STEP = SIZE
# Patches of the source that are candidates for an origin, and how many are compared at once.
MAX_CANDIDATES, BLOCK = 65_536, 8192


def patches(picture: np.ndarray, step: int = 1) -> np.ndarray:
    """Return the patches of SIZE x SIZE pixels, (rows, columns, SIZE * SIZE * channels), `step` pixels apart."""
    views = np.lib.stride_tricks.sliding_window_view(picture, (SIZE, SIZE), axis=(0, 1))[::step, ::step]
    return np.ascontiguousarray(views).reshape(*views.shape[:2], -1)


def patch_distance(picture: np.ndarray, source: np.ndarray) -> float:
    """Return the sliced Wasserstein-2 distance of colour patches at SCALES scales, each half the one before.

    Squared and relative to the spread of the source's patches, as `sliced_wasserstein` has it, the mean over scales.

    Args:
        picture: (height, width, 3) in [0, 1].
        source: likewise.
    """
    pyramids = [_pyramid(values) for values in (picture, source)]
    found, wanted = ({str(i): patches(level) for i, level in enumerate(pyramid)} for pyramid in pyramids)
    return sliced_wasserstein(found, wanted) / SCALES


def _pyramid(picture: np.ndarray) -> list[np.ndarray]:
    levels = [picture.astype("float32")]
    while len(levels) < SCALES:
        levels.append(resize(levels[-1], *(size // 2 for size in levels[-1].shape[:2])))
    return levels


def copied_share(picture: np.ndarray, source: np.ndarray) -> float:
    """Return which share of neighbouring patches has neighbours of the source as nearest patches.

    Patches touch and do not overlap, so that what two of them share is the texture's, or copied. Of a source of more
    than MAX_CANDIDATES patches its upper left part is searched.

    Args:
        picture: (height, width, 3) in [0, 1].
        source: likewise.
    """
    side = int(MAX_CANDIDATES**0.5) + SIZE - 1
    candidates = patches(source[:side, :side].astype("float32"))
    places = nearest_patches(patches(picture.astype("float32"), STEP), candidates)
    pairs = [(places[1:] - places[:-1], (STEP, 0)), (places[:, 1:] - places[:, :-1], (0, STEP))]
    neighbours = [(difference == step).all(axis=-1).ravel() for difference, step in pairs]
    return float(np.mean(np.concatenate(neighbours)))


def nearest_patches(queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return the place (row, column) of the nearest candidate of each query by squared difference.

    Args:
        queries: (rows, columns, values).
        candidates: (rows, columns, values).

    Returns:
        int (rows, columns, 2) of the queries.
    """
    flat, known = queries.reshape(-1, queries.shape[-1]), candidates.reshape(-1, candidates.shape[-1])
    best, places = np.full(len(flat), np.inf), np.zeros(len(flat), int)
    for start in range(0, len(known), BLOCK):
        block = known[start : start + BLOCK]
        distances = np.sum(block**2, axis=1) - 2 * flat @ block.T
        nearest = distances.argmin(axis=1)
        values = distances[np.arange(len(flat)), nearest]
        closer = values < best
        best, places = np.where(closer, values, best), np.where(closer, start + nearest, places)
    return np.stack(np.divmod(places, candidates.shape[1]), axis=-1).reshape(*queries.shape[:2], 2)
