"""Padding by the picture mirrored at its edge pixel."""

from __future__ import annotations

from typing import Any

from keras import ops

from layers.edge_padding import EdgePadding2D
from layers.registration import registered
from layers.spatial import take_lines


@registered
class ReflectionPadding2D(EdgePadding2D):
    """Mirrors the picture at its edge pixels, which are not repeated: dcb|abcd|cba.

    Torch7's nn.SpatialReflectionPadding and PyTorch's nn.ReflectionPad2d: each width must be smaller than the
    picture.
    """

    def lines_before(self, inputs: Any, axis: int, width: int) -> Any:
        """Return the lines after the first, backwards."""
        return ops.flip(take_lines(inputs, axis, 1, width), axis=axis)

    def lines_after(self, inputs: Any, axis: int, width: int) -> Any:
        """Return the lines before the last, backwards."""
        start = ops.shape(inputs)[axis] - 1 - width
        return ops.flip(take_lines(inputs, axis, start, width), axis=axis)

    def smallest_size(self, width: int) -> int:
        """Return one pixel more than `width`."""
        return width + 1 if width else 0
