"""Pictures with the histograms of a texture, at every scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from images.histogram import sorted_values
from losses.pictures.opponent_colors import OPPONENT, OPPONENT_INVERSE
from losses.pyramid import PyramidPadding, expand, gaussian_pyramid, laplacian_pyramid

# Times that all levels are matched: what one gets changes the others a little.
PASSES = 2
# Share of the values at either end, of luma and the colour differences, that change by as much as the last ones between
# them; and quantiles between. A mark on a source, or its only stone of a colour, would else be made of other things by
# tearing their colours apart.
TAILS = 0.0, 0.03, 0.03
QUANTILES = 1024
# Of luma and the colour differences: whether their finest detail is matched too.
HAS_DETAIL = True, False, False


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
    which a picture holds few, and this gives them their strength and their skew. Before the picture itself, the finest
    band of its luma gets the band's histogram: a descent leaves too much fine detail where the texture is smooth, and
    too little at its edges. The picture's own histogram comes last and is the closest. The outermost colour
    differences, TAILS of them at either end, follow the others.

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
    for weights, colors, tail, has_detail in zip(OPPONENT.T, OPPONENT_INVERSE, TAILS, HAS_DETAIL, strict=True):
        ranks = np.linspace(tail, 1 - tail, QUANTILES)
        plane = (pictures @ weights)[..., np.newaxis]
        planes = [(source @ weights)[np.newaxis, ..., np.newaxis] for source in sources]
        pyramids = [_levels(source, octaves) for source in planes]
        targets = [_quantiles(sorted_values(levels), ranks) for levels in zip(*pyramids, strict=True)]
        detail = _quantiles(sorted_values([_finest(source) for source in planes]), ranks) if has_detail else None
        for octave in [*reversed(range(octaves))] * PASSES:
            if octave == 0 and detail is not None:
                plane = plane + _shifts_of(_finest(plane, padding), (ranks, detail), margins)
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
    change: Any = _shifts_of(level, wanted, (margins[0] // 2**octave, margins[1] // 2**octave))
    for fine in reversed(finer):
        change = expand(ops.convert_to_tensor(change), fine.shape[1], fine.shape[2], padding)
    return ops.convert_to_numpy(change)


def _shifts_of(level: np.ndarray, wanted: tuple[np.ndarray, np.ndarray], margins: tuple[int, int]) -> np.ndarray:
    """Return what is to be added to a level (batch, height, width, 1) so that it has wanted (ranks, quantiles)."""
    top, left = margins
    counted = level[:, top : level.shape[1] - top, left : level.shape[2] - left]
    return np.stack([_shifts(*pair, *wanted) for pair in zip(level, counted, strict=True)])


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


def _finest(plane: np.ndarray, padding: PyramidPadding = ("replicate", "replicate")) -> np.ndarray:
    """Return the finest band of planes (batch, height, width, 1), each by itself, whatever the batch."""
    bands = [laplacian_pyramid(ops.convert_to_tensor(one[np.newaxis]), 1, padding)[0] for one in plane]
    return np.concatenate([ops.convert_to_numpy(band) for band in bands])
