"""A change from one texture to another, across the picture or from frame to frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from images.resizing import resize
from losses.features import Comparison
from pipelines.synthesis.geometry import Geometry, Scale
from pipelines.synthesis.objective import morphed_gram_comparison
from pipelines.synthesis.places.places import MIN_POSITIONS, MaskMaps

# Shares of the second texture for which a picture has targets; positions between two of them belong to both.
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, eq=False)
class Morph:
    """How much of the second texture is wanted where, or when.

    Attributes:
        mask: share of the second texture, float32 (height, width) of any size, in [0, 1]; None: it grows from left to
            right, and where the picture repeats that way it falls again.
        count: number of frames; with several the change is from frame to frame, else across the picture.
        loop: whether the last of several frames is followed by the first.
    """

    mask: np.ndarray | None
    count: int = 1
    loop: bool = True

    @cached_property
    def frames(self) -> tuple[float, ...]:
        """The share of the second texture in each of several frames; none where there is a single one."""
        return morph_frames(self.count, loop=self.loop) if self.count > 1 else ()

    def places(self, geometry: Geometry, scale: Scale, factor: float) -> MorphPlaces:
        """Return where the textures are at a scale; see `MorphPlaces` for the arguments."""
        return MorphPlaces(self.frames, self._shares(geometry, scale), geometry, factor)

    def mixtures(self, geometry: Geometry, scale: Scale) -> np.ndarray:
        """Return the shares of both textures in each frame, or in all of the picture: (frames or 1, 2)."""
        second = np.array(self.frames or [self._shares(geometry, scale).mean()])
        return np.stack([1 - second, second], axis=1)

    def _shares(self, geometry: Geometry, scale: Scale) -> np.ndarray:
        """Return the share of the second texture at every pixel of a scale's canvas."""
        if self.mask is not None:
            return scale.with_margins(resize(self.mask, *scale.size))
        height, width = scale.size
        places = (np.arange(width) + 0.5) / width
        row = 1 - np.abs(2 * places - 1) if geometry.wraps[1] else places
        return scale.with_margins(np.tile(row, (height, 1)))


def morph_frames(count: int, *, loop: bool) -> tuple[float, ...]:
    """Return the share of the second texture in each of several frames, from 0 to 1.

    Args:
        count: of frames, at least 2.
        loop: whether the last frame is followed by the first: the share rises and falls again like a cosine.
    """
    if loop:
        return tuple((1 - np.cos(2 * np.pi * np.arange(count) / count)) / 2)
    return tuple(np.linspace(0, 1, count))


class MorphPlaces:
    """Which mixture of two textures is wanted at which positions; see `Places`.

    Across a picture there are targets for a few SHARES. Each is compared with the Gram matrix of the positions near
    its share, the nearer the more, and counts by how many there are.

    Args:
        frames: share of the second texture in each frame; none: the picture changes across.
        shares: of the second texture at every pixel, (height, width).
        geometry: sizes, boundaries and layers of the output.
        factor: by which targets are multiplied.
    """

    in_source = False

    def __init__(self, frames: Sequence[float], shares: np.ndarray, geometry: Geometry, factor: float) -> None:
        self.frames = tuple(frames)
        self.factor = factor
        step = SHARES[1] - SHARES[0]
        near = [np.clip(1 - np.abs(shares - share) / step, 0, 1) for share in SHARES]
        self.output = MaskMaps(near, geometry.paddings.output, geometry.paddings.output_pyramid)

    def of_source(self, octave: int, layer: str) -> list[np.ndarray]:
        """Return no guides: each source is one texture."""
        return []

    def comparison(self, grams: Sequence[Sequence[np.ndarray]], octave: int, layer: str) -> Comparison:
        """Return the comparison with mixtures of two sources, frame by frame or place by place."""
        (first,), (second,) = grams
        if self.frames:
            return morphed_gram_comparison(first, second, self.frames, factor=self.factor)
        guides = self.output.guides(octave, layer)
        least = min(MIN_POSITIONS, max(guide.sum() for guide in guides))
        kept = [(share, guide) for share, guide in zip(SHARES, guides, strict=True) if guide.sum() >= least]
        shares, kept_guides = zip(*kept, strict=True)
        return morphed_gram_comparison(first, second, shares, guides=kept_guides, factor=self.factor)
