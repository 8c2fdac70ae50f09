"""Padding by the edge pixel."""

from __future__ import annotations

import keras

from layers.edge_padding import EdgePadding2D


@keras.saving.register_keras_serializable(package="texture_nets")
class ReplicationPadding2D(EdgePadding2D):
    """Repeats the edge pixels: a padding of width p repeats the edge pixel p times.

    Torch7's nn.SpatialReplicationPadding and PyTorch's nn.ReplicationPad2d for non-negative widths.
    """

    def border_indices(self, before: int, after: int) -> tuple[list[int], list[int]]:
        """Return the first position `before` times and the last one `after` times."""
        return [0] * before, [-1] * after

    def smallest_size(self, width: int) -> int:
        """Return 1: an edge of one pixel is enough for any width."""
        return min(width, 1)
