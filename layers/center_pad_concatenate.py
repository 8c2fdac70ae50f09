"""Concatenation of feature maps of different sizes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import keras
from keras import ops

from layers.registration import registered
from layers.spatial import pad


def _centring(size: Any, target: Any) -> tuple[Any, Any]:
    before = (target - size) // 2
    return before, target - size - before


@registered
class CenterPadConcatenate(keras.layers.Layer):
    """Concatenates over the channels after centring smaller maps in zeros: Torch7's nn.DepthConcat.

    Where an odd number of rows is missing, the extra one is added below (and the extra column at the right).

    Input: a list of (batch, height, width, channels); output: the largest height and width, all channels.
    """

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the centred maps side by side in the channels."""
        sizes = [ops.shape(x)[1:3] for x in inputs]
        height, width = (self._largest(axis) for axis in zip(*sizes, strict=True))
        padded = [pad(x, _centring(h, height), _centring(w, width)) for x, (h, w) in zip(inputs, sizes, strict=True)]
        return ops.concatenate(padded, axis=-1)

    @staticmethod
    def _largest(sizes: Sequence[Any]) -> Any:
        if all(isinstance(size, int) for size in sizes):
            return max(sizes)
        return reduce(ops.maximum, sizes)

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the largest height and width and the sum of the channels, None where one is unknown."""
        batches, heights, widths, channels = zip(*input_shape, strict=True)
        batch = next((b for b in batches if b is not None), None)
        height, width = (None if None in sizes else max(sizes) for sizes in (heights, widths))
        return (batch, height, width, None if None in channels else sum(channels))
