"""Pictures with the histograms of a texture, at every scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from images.histogram import sorted_values
from losses.pictures.opponent_colors import OPPONENT, OPPONENT_INVERSE
from losses.pyramid import PyramidPadding, expand, gaussian_pyramid

# Times that all levels are matched: what one gets changes the others a little.
PASSES = 2
# Share of the values at either end, of luma and the colour differences, that change by as much as the last ones between
# them; and quantiles between. A mark on a source, or its only stone of a colour, would else be made of other things by
# tearing their colours apart.
TAILS = 0.0, 0.03, 0.03
QUANTILES = 1024


def match_levels(
    pictures: np.ndarray,
    sources: Sequence[np.ndarray],
    octaves: int,
    padding: PyramidPadding,
    margins: tuple[int, int] = (0, 0),
) -> np.ndarray:
    """Return pictures that have the histograms of sources, in the levels of the Gaussian pyramids of both.

    Heeger & Bergen 1995, "Pyramid-Based Texture Analysis/Synthesis", match the histograms of a pyramid's levels and
    those of the picture in turn. Theirs are the bands and what is left below them; here they are the levels
    themselves, of luma and the colour differences. From coarse to fine, the change that gives a level its histogram
    is enlarged and added to the picture: a descent on a picture's pixels comes late to slow changes, of
    which a picture holds few, and this gives them their strength and their skew. The picture's own histogram comes
    last and is the closest. The outermost colour differences, TAILS of them at either end, follow the others.

    Args:
        pictures: float32 (batch, height, width, 3).
        sources: float32 (height, width, 3) each, of one texture.
        octaves: levels, the pictures themselves among them.
        padding: of the pictures' pyramids, "replicate" or "circular" for each axis; the sources do not repeat.
        margins: (rows, columns) at each side of the pictures that change with them, but do not count; they leave a
            pixel at the coarsest level.

    Returns:
        float32, of the shape of `pictures`; some values may leave [0, 1] a little.
    """
    result = np.zeros_like(pictures)
    # One plane at a time: pictures may be large.
    for weights, colors, tail in zip(OPPONENT.T, OPPONENT_INVERSE, TAILS, strict=True):
        ranks = np.linspace(tail, 1 - tail, QUANTILES)
        plane = (pictures @ weights)[..., np.newaxis]
        pyramids = [_levels((source @ weights)[np.newaxis, ..., np.newaxis], octaves) for source in sources]
        targets = [_quantiles(sorted_values(levels), ranks) for levels in zip(*pyramids, strict=True)]
        for octave in [*reversed(range(octaves))] * PASSES:
            plane = plane + _change(plane, (ranks, targets[octave]), octave, padding, margins)
        result += plane * colors
    return result


def _change(
    plane: np.ndarray,
    wanted: tuple[np.ndarray, np.ndarray],
    octave: int,
    padding: PyramidPadding,
    margins: tuple[int, int],
) -> np.ndarray:
    """Return what is to be added to planes (batch, height, width, 1) so that a level has wanted (ranks, quantiles)."""
    *finer, level = _levels(plane, octave + 1, padding)
    top, left = (margin // 2**octave for margin in margins)
    counted = level[:, top : level.shape[1] - top, left : level.shape[2] - left]
    change: Any = np.stack([_shifts(*pair, *wanted) for pair in zip(level, counted, strict=True)])
    for fine in reversed(finer):
        change = expand(ops.convert_to_tensor(change), fine.shape[1], fine.shape[2], padding)
    return ops.convert_to_numpy(change)


def _shifts(values: np.ndarray, counted: np.ndarray, ranks: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return what is to be added to values so that those that count have the quantiles wanted at ranks."""
    found, places = np.unique(_quantiles(counted, ranks), return_inverse=True)
    # Values that are equal stay equal.
    targets = np.bincount(places, wanted) / np.bincount(places)
    return np.interp(values, found, targets - found).astype(np.float32)


def _quantiles(values: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    return np.quantile(values, ranks, method="hazen")


def _levels(plane: np.ndarray, octaves: int, padding: PyramidPadding = ("replicate", "replicate")) -> list[np.ndarray]:
    return [ops.convert_to_numpy(level) for level in gaussian_pyramid(ops.convert_to_tensor(plane), octaves, padding)]
