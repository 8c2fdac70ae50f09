"""Padding by the picture mirrored at its edge."""

from __future__ import annotations

from typing import Any

from keras import ops

from layers.edge_padding import EdgePadding2D
from layers.registration import registered


@registered
class SymmetricPadding2D(EdgePadding2D):
    """Mirrors the picture at its edges, with the edge pixels: cba|abcd|dcb.

    NumPy's `pad` with mode "symmetric": a picture that is smaller than a width is mirrored again and again.
    """

    def lines_before(self, inputs: Any, axis: int, width: int) -> Any:
        """Return the first lines, backwards."""
        return ops.take(inputs, _mirrored(ops.arange(width - 1, -1, -1), ops.shape(inputs)[axis]), axis=axis)

    def lines_after(self, inputs: Any, axis: int, width: int) -> Any:
        """Return the last lines, backwards."""
        size = ops.shape(inputs)[axis]
        return ops.take(inputs, size - 1 - _mirrored(ops.arange(width), size), axis=axis)

    def smallest_size(self, width: int) -> int:
        """Return 1 where there is anything to pad."""
        return 1 if width else 0


def _mirrored(distances: Any, size: Any) -> Any:
    """Return the line that stands `distances` beyond an edge, counted from the edge, of a picture of `size` lines."""
    places = ops.mod(distances, 2 * size)
    return ops.minimum(places, 2 * size - 1 - places)
