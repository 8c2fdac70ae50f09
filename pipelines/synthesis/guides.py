"""The guides of a synthesis at every octave and layer, of the source and of the output."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from describe.positions import layer_positions, octave_positions
from errors import UserError
from losses.guides import guide_at
from pipelines.synthesis.geometry import Geometry, Modes, Scale, mirrored_size, resized
from pipelines.synthesis.inputs import SynthesisInputs, mirrored, nearest

# A region takes part at a layer where it has at least as many positions, in the source and in the output.
FEWEST_POSITIONS = 1.0


class Guides:
    """The share of every position of every feature map that belongs to each region.

    Args:
        geometry: of the output.
        inputs: its pictures; without masks there are no regions.
        scale: whose sizes are meant.
    """

    def __init__(self, geometry: Geometry, inputs: SynthesisInputs, scale: Scale) -> None:
        self.regions = len(inputs.output_masks)
        modes = geometry.paddings
        if self.regions:
            size = resized(inputs.sources[0].shape[:2], scale.factor)
            least = mirrored_size(geometry, size, scale.octaves)
            source_masks = [mirrored(nearest(mask, *size), least) for mask in inputs.source_masks]
            self.source = _Maps(source_masks, modes.source, modes.source_pyramid)
            margins = [(margin, margin) for margin in scale.margins]
            masks = [np.pad(nearest(mask, *scale.size), margins, mode="edge") for mask in inputs.output_masks]
            self.output = _Maps(masks, modes.output, modes.output_pyramid)

    def of_source(self, octave: int, layer: str) -> list[np.ndarray]:
        """Return the guides (height, width) of the regions that take part, at the source's octave and layer."""
        return self._taking_part(octave, layer)[0]

    def of_output(self, octave: int, layer: str) -> list[np.ndarray]:
        """Return the same of the output."""
        return self._taking_part(octave, layer)[1]

    @functools.cache  # noqa: B019  lives as long as the targets of a scale are made
    def _taking_part(self, octave: int, layer: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
        if not self.regions:
            return [], []
        pairs = zip(self.source.guides(octave, layer), self.output.guides(octave, layer), strict=True)
        kept = [pair for pair in pairs if min(pair[0].sum(), pair[1].sum()) >= FEWEST_POSITIONS]
        if not kept:
            raise UserError(
                f"`guide`: no region has a position left at octave {octave}, layer {layer}; use larger regions, fewer "
                "`octaves` or earlier `layers`"
            )
        return [pair[0] for pair in kept], [pair[1] for pair in kept]


class _Maps:
    """Masks of one picture seen from feature maps."""

    def __init__(self, masks: Sequence[np.ndarray], modes: Modes, pyramid_modes: Modes) -> None:
        self.masks = masks
        self.modes = modes
        self.pyramid_modes = pyramid_modes

    def guides(self, octave: int, layer: str) -> list[np.ndarray]:
        """Return the guide of each region."""
        axes = [
            layer_positions(layer, mode, octave_positions(size, octave, pyramid_mode))
            for size, mode, pyramid_mode in zip(self.masks[0].shape, self.modes, self.pyramid_modes, strict=True)
        ]
        return [guide_at(mask, *axes) for mask in self.masks]
