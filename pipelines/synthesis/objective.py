"""What a texture is optimised for, as terms: Gram matrices at every octave, and frames that differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from losses.features import Comparison, FeatureLoss, FeatureTerm
from losses.frames import FrameDistance, InterFrameLoss, shift_distances
from losses.joins import JoinMode, gram_geodesic, join_gram_matrices
from losses.loss import Loss, WeightedSum
from losses.octaves import OctaveLosses
from losses.pyramid import PyramidPadding
from losses.texture import GramComparison, GuidedGramComparison

# What stands around a source, which does not repeat, before it is blurred.
EDGES: PyramidPadding = ("replicate", "replicate")


def texture_loss(
    descriptor: Callable[[Any], Mapping[str, Any]],
    octaves: Sequence[Mapping[str, FeatureTerm]],
    *,
    padding: PyramidPadding,
    further: Mapping[str, tuple[float, Loss]] = MappingProxyType({}),
) -> WeightedSum:
    """Return the loss of a batch of frames (count, height, width, 3), its terms `texture/octave0/relu3_2` ...

    Args:
        descriptor: from pictures to {layer: activations}.
        octaves: for each octave, the full size first, {name: comparison with the texture}.
        padding: what stands around a picture before it is blurred for the next octave.
        further: terms of the pictures themselves by name, each with its weight.
    """
    losses = [FeatureLoss(descriptor, terms) for terms in octaves]
    return WeightedSum({"texture": (1.0, OctaveLosses(losses, padding)), **further})


def gram_comparison(
    grams: Sequence[Sequence[np.ndarray]],
    *,
    guides: Sequence[np.ndarray] = (),
    join_mode: JoinMode = "average",
    factor: float = 1.0,
) -> Comparison:
    """Return the comparison with the joined Gram matrices of several sources at one layer.

    Args:
        grams: for each source the matrices (channels, channels) of its regions, or a single one.
        guides: for each region where it is in the output, (height, width); none: the texture is everywhere.
        join_mode: see `losses.joins`.
        factor: by which targets are multiplied.

    Raises:
        ValueError: there is no target in them.
    """
    targets = [factor * join_gram_matrices(matrices, join_mode) for matrices in zip(*grams, strict=True)]
    return GuidedGramComparison(targets, guides) if guides else GramComparison(targets[0])


def morphed_gram_comparison(
    first: np.ndarray,
    second: np.ndarray,
    shares: Sequence[float],
    *,
    guides: Sequence[np.ndarray] = (),
    factor: float = 1.0,
) -> Comparison:
    """Return the comparison with mixtures of two textures at one layer.

    Args:
        first: Gram matrix (channels, channels) of one texture.
        second: that of the other.
        shares: of the second texture: one for each frame, or for each guide.
        guides: where in the output each share is wanted, (height, width); they count by their sums.
        factor: by which targets are multiplied.

    Raises:
        ValueError: there is no target in them.
    """
    targets = factor * gram_geodesic(first, second, shares)
    if not guides:
        return GramComparison(targets)
    return GuidedGramComparison(list(targets), guides, weights=[float(guide.sum()) for guide in guides])


def frames_apart(
    sources: Sequence[np.ndarray],
    *,
    shift: float,
    distance: FrameDistance,
    octaves: int,
    order: int,
    wraps: tuple[bool, bool],
    loop: bool = True,
) -> InterFrameLoss:
    """Return what keeps frames as far apart as the sources (height, width, 3), on average, are from themselves shifted.

    Args:
        sources: float32 (height, width, 3), at the size of the frames' scale.
        shift: of the sources, in pixels.
        distance: see `losses.frames`, as for the next two.
        octaves: number of octaves at which frames are compared.
        order: neighbours that each frame is compared with.
        wraps: whether the frames repeat (vertically, horizontally).
        loop: whether the last frame is followed by the first.

    Raises:
        ValueError: the shift changes nothing.
    """
    distances = [
        shift_distances(source, shift, distance=distance, octaves=octaves, padding=EDGES) for source in sources
    ]
    targets = np.mean(distances, axis=0).tolist()
    padding = picture_padding(wraps)
    return InterFrameLoss(targets, distance=distance, octaves=octaves, order=order, padding=padding, loop=loop)


def picture_padding(wraps: tuple[bool, bool]) -> PyramidPadding:
    """Return what stands around pictures that repeat (vertically, horizontally) in pyramids of their own."""
    vertical, horizontal = wraps
    return "circular" if vertical else "replicate", "circular" if horizontal else "replicate"
