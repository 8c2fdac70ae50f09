"""Padding by the edge pixel."""

from __future__ import annotations

from typing import Any

from keras import ops

from layers.edge_padding import EdgePadding2D
from layers.registration import registered
from layers.spatial import take_lines


@registered
class ReplicationPadding2D(EdgePadding2D):
    """Repeats the edge pixels: a padding of width p repeats the edge pixel p times, aaa|abcd|ddd.

    Torch7's nn.SpatialReplicationPadding and PyTorch's nn.ReplicationPad2d for non-negative widths.
    """

    def lines_before(self, inputs: Any, axis: int, width: int) -> Any:
        """Return the first line `width` times."""
        return self._repeated(take_lines(inputs, axis, 0, 1), axis, width)

    def lines_after(self, inputs: Any, axis: int, width: int) -> Any:
        """Return the last line `width` times."""
        return self._repeated(take_lines(inputs, axis, ops.shape(inputs)[axis] - 1, 1), axis, width)

    @staticmethod
    def _repeated(line: Any, axis: int, width: int) -> Any:
        return ops.concatenate([line] * width, axis=axis) if width > 1 else line

    def smallest_size(self, width: int) -> int:
        """Return 1: an edge of one pixel is enough for any width."""
        return min(width, 1)
