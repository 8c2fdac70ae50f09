"""Pictures with the histograms of a texture, at every scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from images.histogram import match_sorted, sorted_values
from losses.pictures.opponent_colors import OPPONENT, OPPONENT_INVERSE
from losses.pyramid import PyramidPadding, expand, gaussian_pyramid

# Times that all levels are matched: what one gets changes the others a little.
PASSES = 2


def match_levels(
    pictures: np.ndarray, sources: Sequence[np.ndarray], octaves: int, padding: PyramidPadding
) -> np.ndarray:
    """Return pictures that have the histograms of sources, in the levels of the Gaussian pyramids of both.

    Heeger & Bergen 1995, "Pyramid-Based Texture Analysis/Synthesis", match the histograms of a pyramid's levels and
    those of the picture in turn. Theirs are the bands and what is left below them; here they are the levels
    themselves, of luma and the colour differences. From coarse to fine, the change that gives a level its histogram
    is enlarged and added to the picture: a descent on a picture's pixels comes late to slow changes, of
    which a picture holds few, and this gives them their strength and their skew. The picture's own histogram comes
    last and is the closest.

    Args:
        pictures: float32 (batch, height, width, 3).
        sources: float32 (height, width, 3) each, of one texture.
        octaves: levels, the pictures themselves among them.
        padding: of the pictures' pyramids, "replicate" or "circular" for each axis; the sources do not repeat.

    Returns:
        float32, of the shape of `pictures`; some values may leave [0, 1] a little.
    """
    result = np.zeros_like(pictures)
    for weights, colors in zip(OPPONENT.T, OPPONENT_INVERSE, strict=True):  # one plane at a time: pictures may be large
        plane = (pictures @ weights)[..., np.newaxis]
        pyramids = [_levels((source @ weights)[np.newaxis, ..., np.newaxis], octaves) for source in sources]
        targets = [sorted_values(levels) for levels in zip(*pyramids, strict=True)]
        for octave in [*reversed(range(octaves))] * PASSES:
            plane = plane + _change(plane, targets[octave], octave, padding)
        result += plane * colors
    return result


def _change(plane: np.ndarray, target: np.ndarray, octave: int, padding: PyramidPadding) -> np.ndarray:
    """Return what is to be added to planes (batch, height, width, 1) so that a level has the values of `target`."""
    *finer, level = _levels(plane, octave + 1, padding)
    change: Any = np.stack([match_sorted(values, target) for values in level]) - level
    for fine in reversed(finer):
        change = expand(ops.convert_to_tensor(change), fine.shape[1], fine.shape[2], padding)
    return ops.convert_to_numpy(change)


def _levels(plane: np.ndarray, octaves: int, padding: PyramidPadding = ("replicate", "replicate")) -> list[np.ndarray]:
    return [ops.convert_to_numpy(level) for level in gaussian_pyramid(ops.convert_to_tensor(plane), octaves, padding)]
