"""Unpooling to positions that are given as a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import pair
from layers.registration import registered


@registered
class PositionUnpooling2D(keras.layers.Layer):
    """Puts every value at a position of a larger picture, zeros elsewhere: SegNet's Upsample layer in Caffe.

    Args:
        size: (height, width) of the result.

    Input: values and positions, both (batch, height, width, channels); a position is row * width of the result +
    column, and counts in the value's own channel. Several values at one position are added.
    Output: (batch, *size, channels).
    """

    def __init__(self, size: int | Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = pair(size, "size")
        self.input_spec = [keras.InputSpec(ndim=4)] * 2

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the picture."""
        values, positions = inputs
        batch, height, width, channels = ops.shape(values)
        places = self.size[0] * self.size[1]
        planes, pixels = batch * channels, height * width
        offsets = ops.repeat(ops.arange(planes, dtype="int32") * places, pixels)
        targets = ops.reshape(ops.transpose(ops.cast(positions, "int32"), (0, 3, 1, 2)), (-1,)) + offsets
        flat = ops.reshape(ops.transpose(values, (0, 3, 1, 2)), (-1,))
        made = ops.scatter(ops.expand_dims(targets, -1), flat, (planes * places,))
        return ops.transpose(ops.reshape(made, (batch, channels, *self.size)), (0, 2, 3, 1))

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the shape of the picture."""
        return (input_shape[0][0], *self.size, input_shape[0][-1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "size": self.size}
