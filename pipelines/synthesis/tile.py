"""Where a tile is cut out of a texture that repeats."""

from __future__ import annotations

import numpy as np


def cut_tile(frames: np.ndarray, wraps: tuple[bool, bool], step: int) -> np.ndarray:
    """Return frames that repeat, rolled so that their edges are lines like all others.

    A texture that repeats can be cut anywhere. Neighbouring lines differ here more and there less, as the texture has
    it; the cut goes where they differ as much as they do on average, so that the edge is not seen.

    Args:
        frames: (count, height, width, 3).
        wraps: whether they repeat (vertically, horizontally).
        step: pixels between the places at which a cut leaves the loss as it is.
    """
    for axis, wrap in zip((1, 2), wraps, strict=True):
        if wrap:
            frames = np.roll(frames, -_best_cut(frames, axis, step), axis=axis)
    return frames


def _best_cut(frames: np.ndarray, axis: int, step: int) -> int:
    """Return the line that shall become the first."""
    others = tuple(i for i in range(4) if i != axis)
    # Of each line from the one before it.
    differences = np.abs(frames - np.roll(frames, 1, axis=axis)).mean(axis=others)
    cuts = np.arange(0, frames.shape[axis], step)
    return int(cuts[np.abs(differences[cuts] - differences.mean()).argmin()])
