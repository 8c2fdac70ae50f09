"""Regions of the source and of the output that correspond, told by label pictures."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from errors import UserError
from losses.features import Comparison
from losses.joins import JoinMode
from pipelines.synthesis.geometry import Geometry, Scale, mirrored_size, resized
from pipelines.synthesis.inputs import SynthesisInputs, mirrored, nearest
from pipelines.synthesis.objective import gram_comparison
from pipelines.synthesis.places.places import MIN_POSITIONS, MaskMaps


class Regions:
    """The share of every position of every feature map that belongs to each region; see `Places`.

    Args:
        geometry: sizes, boundaries and layers of the output.
        inputs: its pictures; without masks the texture is everywhere.
        scale: whose sizes are meant.
        join_mode: mean of the sources' Gram matrices.
        factor: by which targets are multiplied.
    """

    def __init__(
        self, geometry: Geometry, inputs: SynthesisInputs, scale: Scale, join_mode: JoinMode, factor: float
    ) -> None:
        self.in_source = bool(inputs.output_masks)
        self.join_mode = join_mode
        self.factor = factor
        modes = geometry.paddings
        if self.in_source:
            size = resized(inputs.sources[0].shape[:2], scale.factor)
            least = mirrored_size(geometry, size, scale.octaves)
            source_masks = [mirrored(nearest(mask, *size), least) for mask in inputs.source_masks]
            self.source = MaskMaps(source_masks, modes.source, modes.source_pyramid)
            masks = [scale.with_margins(nearest(mask, *scale.size)) for mask in inputs.output_masks]
            self.output = MaskMaps(masks, modes.output, modes.output_pyramid)

    def of_source(self, octave: int, layer: str) -> list[np.ndarray]:
        """Return the guides (height, width) of the regions that take part, at the source's octave and layer."""
        return self._taking_part(octave, layer)[0]

    def comparison(self, grams: Sequence[Sequence[np.ndarray]], octave: int, layer: str) -> Comparison:
        """Return the comparison with the joined sources, region by region."""
        guides = self._taking_part(octave, layer)[1]
        return gram_comparison(grams, guides=guides, join_mode=self.join_mode, factor=self.factor)

    @functools.cache  # noqa: B019  lives as long as the targets of a scale are made
    def _taking_part(self, octave: int, layer: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
        if not self.in_source:
            return [], []
        pairs = zip(self.source.guides(octave, layer), self.output.guides(octave, layer), strict=True)
        kept = [pair for pair in pairs if min(pair[0].sum(), pair[1].sum()) >= MIN_POSITIONS]
        if not kept:
            raise UserError(
                f"`guide`: no region has a position left at octave {octave}, layer {layer}; use larger regions, fewer "
                "`octaves` or earlier `layers`"
            )
        return [pair[0] for pair in kept], [pair[1] for pair in kept]
