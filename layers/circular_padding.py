"""Padding by the opposite edge."""

from __future__ import annotations

import keras

from layers.edge_padding import EdgePadding2D


@keras.saving.register_keras_serializable(package="texture_nets")
class CircularPadding2D(EdgePadding2D):
    """Continues the picture with its opposite edge, as if it were tiled: cd|abcd|ab.

    The circular padding of texture networks' texture mode and PyTorch's nn.CircularPad2d: each width may be at
    most the picture's size.
    """

    def border_indices(self, before: int, after: int) -> tuple[list[int], list[int]]:
        """Return the last `before` positions and the first `after` ones."""
        return list(range(-before, 0)), list(range(after))

    def smallest_size(self, width: int) -> int:
        """Return `width`."""
        return width
