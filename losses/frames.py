"""Keeping the frames of an animation apart: the inter-frame loss of Snelgrove's texture script.

Several frames are made at once, each with the target's texture. For every step k up to the order, frames k apart
(the last is followed by the first where the animation loops, as the script's do) shall differ as much as the source
differs from itself shifted by k times a number of pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from keras import ops

from losses.loss import Loss, Node
from losses.pyramid import PyramidPadding, gaussian_pyramid, laplacian_pyramid

FrameDistance = Literal["l2", "lap1"]
# Where frames are equal the root of their distance has no finite gradient.
MIN_SQUARE = 1e-20
# Targets up to this are what float32 makes of 0: no frames can be told apart by them.
MIN_TARGET = 1e-6


class InterFrameLoss(Loss):
    """Sum over steps k and octaves of the mean over frames of (d / d* - k)^2.

    d is the distance of frames k apart and d* the target for neighbours. The script had (d - k d*)^2 with pixels in
    0..255; relative to its target the term is the same for every source and distance, and stands beside relative
    Gram losses with a weight of 1. Steps beyond half the number of frames of a loop are left out: around it they are
    shorter ones once more, with another target. Terms are named by step and octave, `step1/octave0`.

    Args:
        targets: d* above MIN_TARGET, as `shift_distances` returns them: for each octave (l2), or a single one (lap1).
        distance: `l2` or `lap1`, see `frame_distances`.
        octaves: number of levels of the pyramid.
        order: the largest k.
        padding: of the pyramids, "replicate" or "circular" for each axis.
        loop: whether the last frame is followed by the first.

    Raises:
        ValueError: a target is not above MIN_TARGET.
    """

    def __init__(
        self,
        targets: Sequence[float],
        *,
        distance: FrameDistance,
        octaves: int,
        order: int,
        padding: PyramidPadding,
        loop: bool = True,
    ) -> None:
        if not all(MIN_TARGET < target < math.inf for target in targets):
            raise ValueError(f"the target distances of frames must be above 0, not {list(targets)}")
        self.targets = list(targets)
        self.distance = distance
        self.octaves = octaves
        self.order = order
        self.padding = padding
        self.loop = loop

    def terms(self, images: Any) -> dict[str, Any]:
        """Return the terms of frames (frames, height, width, 3)."""
        levels = _levels(images, self.octaves, self.distance, self.padding)
        terms = {}
        longest = images.shape[0] // 2 if self.loop else images.shape[0] - 1
        for step in range(1, min(self.order, longest) + 1):
            distances = _distances(*self._apart(levels, step), self.distance)
            for octave, (value, target) in enumerate(zip(distances, self.targets, strict=True)):
                terms[f"step{step}/octave{octave}"] = ops.mean(ops.square(value / target - step))
        return terms

    def _apart(self, levels: Sequence[Any], step: int) -> tuple[Sequence[Any], Sequence[Any]]:
        """Return the levels of frames that have one `step` after them, and of the latter."""
        if self.loop:
            return levels, [ops.roll(level, -step, axis=0) for level in levels]
        return [level[:-step] for level in levels], [level[step:] for level in levels]

    def tree(self) -> Node:
        """Return a leaf."""
        targets = ", ".join(f"{target:.4g}" for target in self.targets)
        return Node(
            f"{self.distance} distance of neighbouring frames in {self.octaves} octaves, targets {targets}, "
            f"order {self.order}, {'in a loop' if self.loop else 'from first to last'}"
        )


def frame_distances(
    first: Any, second: Any, *, distance: FrameDistance, octaves: int, padding: PyramidPadding
) -> list[Any]:
    """Return the distances of pictures from as many others.

    Args:
        first: (batch, height, width, channels).
        second: the same shape.
        distance: `l2`: the root of the mean squared difference, for each octave of the Gaussian pyramid. `lap1`: one
            number, the weighted sum of the mean absolute differences of a Laplacian pyramid's levels (what is
            left below the band-pass levels included), with weights 2, 1, 1/2 ... from fine to coarse, as in the
            script. It left out the rest below and took the mean over all levels' pixels together.
        octaves: number of levels of the pyramid.
        padding: "replicate" or "circular" for each axis.

    Returns:
        Tensors (batch,), one for each octave (l2), or a single one (lap1).
    """
    levels = [_levels(images, octaves, distance, padding) for images in (first, second)]
    return _distances(levels[0], levels[1], distance)


def shift_distances(
    image: np.ndarray, shift: float, *, distance: FrameDistance, octaves: int, padding: PyramidPadding
) -> list[float]:
    """Return how far a picture is from itself shifted, the mean of a vertical and a horizontal shift.

    What leaves the picture comes back at its other side. A fractional shift takes the distances of the whole
    shifts below and above in proportion, as in the script.

    Args:
        image: (height, width, 3).
        shift: pixels, positive.
        distance: see `frame_distances`, as for the next two.
        octaves: number of levels of the pyramid.
        padding: "replicate" or "circular" for each axis.

    Returns:
        One distance for each octave (l2), or a single one (lap1).
    """
    whole = math.floor(shift)
    part = shift - whole
    result = np.zeros(1)
    for pixels, share in ((whole, 1 - part), (whole + 1, part)):
        if share:
            shifted = np.stack([np.roll(image, pixels, axis=axis) for axis in (0, 1)])
            original = np.stack([image, image])
            found = frame_distances(original, shifted, distance=distance, octaves=octaves, padding=padding)
            result = result + share * np.array([np.mean(ops.convert_to_numpy(value)) for value in found])
    return result.tolist()


def _levels(images: Any, octaves: int, distance: FrameDistance, padding: PyramidPadding) -> list[Any]:
    pyramid = gaussian_pyramid if distance == "l2" else laplacian_pyramid
    return pyramid(ops.convert_to_tensor(images), octaves, padding)


def _distances(first: Sequence[Any], second: Sequence[Any], distance: FrameDistance) -> list[Any]:
    """Return the distances (batch,) of pictures given by their pyramids' levels."""
    differences = [a - b for a, b in zip(first, second, strict=True)]
    if distance == "l2":
        squares = (ops.mean(ops.square(difference), axis=(1, 2, 3)) for difference in differences)
        return [ops.sqrt(ops.maximum(square, MIN_SQUARE)) for square in squares]
    means = [ops.mean(ops.abs(difference), axis=(1, 2, 3)) for difference in differences]
    return [sum(2.0 ** (1 - i) * mean for i, mean in enumerate(means))]
