"""Padding by the picture mirrored at its edge pixel."""

from __future__ import annotations

import keras

from layers.edge_padding import EdgePadding2D


@keras.saving.register_keras_serializable(package="texture_nets")
class ReflectionPadding2D(EdgePadding2D):
    """Mirrors the picture at its edge pixels, which are not repeated: dcb|abcd|cba.

    Torch7's nn.SpatialReflectionPadding and PyTorch's nn.ReflectionPad2d: each width must be smaller than the
    picture.
    """

    def border_indices(self, before: int, after: int) -> tuple[list[int], list[int]]:
        """Return the positions `before`..1 and the second to last one downwards."""
        return list(range(before, 0, -1)), list(range(-2, -2 - after, -1))

    def smallest_size(self, width: int) -> int:
        """Return one pixel more than `width`."""
        return width + 1 if width else 0
