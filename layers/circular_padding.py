"""Padding by the opposite edge."""

from __future__ import annotations

from typing import Any

from keras import ops

from layers.edge_padding import EdgePadding2D
from layers.registration import registered
from layers.spatial import take_lines


@registered
class CircularPadding2D(EdgePadding2D):
    """Continues the picture with its opposite edge, as if it were tiled: bcd|abcd|abc.

    The circular padding of texture networks' texture mode and PyTorch's nn.CircularPad2d: each width may be at
    most the picture's size.
    """

    def lines_before(self, inputs: Any, axis: int, width: int) -> Any:
        """Return the last `width` lines."""
        return take_lines(inputs, axis, ops.shape(inputs)[axis] - width, width)

    def lines_after(self, inputs: Any, axis: int, width: int) -> Any:
        """Return the first `width` lines."""
        return take_lines(inputs, axis, 0, width)

    def smallest_size(self, width: int) -> int:
        """Return `width`."""
        return width
