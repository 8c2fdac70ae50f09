"""What tells of every position of a feature map which texture is wanted there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from describe.positions import layer_positions, octave_positions
from losses.features import Comparison
from losses.guides import guide_at
from pipelines.synthesis.geometry import Modes, PyramidModes

# A region takes part at a layer where it has at least as many positions.
MIN_POSITIONS = 1.0


class Places(Protocol):
    """Which statistics of the sources are wanted at which positions.

    Attributes:
        in_source: whether sources are described region by region, which takes whole maps.
    """

    @property
    def in_source(self) -> bool: ...  # noqa: D102  see Attributes

    def of_source(self, octave: int, layer: str) -> list[np.ndarray]:
        """Return the guides (height, width) of the source's regions at an octave and a layer; none: it is all one.

        Raises:
            UserError: nothing is left of the regions.
        """

    def comparison(self, grams: Sequence[Sequence[np.ndarray]], octave: int, layer: str) -> Comparison:
        """Return the comparison of the output's features.

        Args:
            grams: for each source the Gram matrices of what `of_source` tells.
            octave: of the output.
            layer: of the descriptor.

        Raises:
            ValueError: there is no target in them.
        """


class MaskMaps:
    """Masks of one picture seen from feature maps.

    Args:
        masks: (height, width) each, of one size, in [0, 1].
        modes: paddings of the descriptor.
        pyramid_modes: those of the pyramid.
    """

    def __init__(self, masks: Sequence[np.ndarray], modes: Modes, pyramid_modes: PyramidModes) -> None:
        self.masks = masks
        self.modes = modes
        self.pyramid_modes = pyramid_modes

    def guides(self, octave: int, layer: str) -> list[np.ndarray]:
        """Return the guide of each mask, see `losses.guides`."""
        axes = [
            layer_positions(layer, mode, octave_positions(size, octave, pyramid_mode))
            for size, mode, pyramid_mode in zip(self.masks[0].shape, self.modes, self.pyramid_modes, strict=True)
        ]
        return [guide_at(mask, *axes) for mask in self.masks]
