"""Resizing with a filter, by one matrix for rows and one for columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import pair
from layers.registration import registered

FILTERS = ("nearest", "linear", "cubic")


@registered
class FilteredResizing2D(keras.layers.Layer):
    """Enlarges or shrinks a picture as the layer Resample of FlowNet 2's Caffe does.

    Pixel i of n of the result lies at i s + t / 2 - 1/2 in the original, where s is the factor by which the picture
    shrinks along this axis and t the factor along the other (which are the same where the shape stays the same).
    The weights of the pixels around are divided by their sum; pixels outside do not count, and where there are no
    others the result is 0.

    Args:
        output_size: (height, width).
        filter: "nearest", "linear" (a triangle) or "cubic" (Catmull-Rom).
        antialias: where the picture shrinks along an axis, make the filter as much wider along both.

    Input: (batch, height, width, channels) with known height and width.

    Raises:
        ValueError: there is no such filter, or height or width are not known.
    """

    def __init__(
        self, output_size: int | Sequence[int], filter: str = "linear", antialias: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if filter not in FILTERS:
            raise ValueError(f"filter must be one of {', '.join(FILTERS)}, not {filter!r}")
        self.output_size = pair(output_size, "output_size")
        self.filter = filter
        self.antialias = antialias
        self.input_spec = keras.InputSpec(ndim=4)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Raise ValueError where the size of the pictures is unknown."""
        if None in input_shape[1:3]:
            raise ValueError("FilteredResizing2D: height and width of the pictures must be known")

    def call(self, inputs: Any) -> Any:
        """Return the resized picture."""
        inputs = ops.cast(inputs, self.compute_dtype)  # Keras casts no integers
        _, height, width, channels = inputs.shape
        rows, columns = (ops.cast(matrix, inputs.dtype) for matrix in self._matrices(height, width))
        new_height, new_width = self.output_size
        tall = ops.matmul(rows, ops.reshape(inputs, (-1, height, width * channels)))
        wide = ops.matmul(columns, ops.reshape(tall, (-1, width, channels)))
        return ops.reshape(wide, (-1, new_height, new_width, channels))

    def _matrices(self, height: int, width: int) -> tuple[Any, Any]:
        down, across = height / self.output_size[0], width / self.output_size[1]
        wider = self.antialias and max(down, across) > 1
        rows = _weights(height, self.output_size[0], down, across, self.filter, wider)
        return rows, _weights(width, self.output_size[1], across, down, self.filter, wider)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape with the new size."""
        return (input_shape[0], *self.output_size, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        config = {"output_size": self.output_size, "filter": self.filter, "antialias": self.antialias}
        return {**super().get_config(), **config}


def _weights(old: int, new: int, factor: float, other: float, filter: str, wider: bool) -> Any:
    """Return the share of each of `old` pixels in each of `new` ones, float32 of shape (new, old)."""
    places = ops.cast(ops.arange(new), "float32") * factor + (other / 2 - 0.5)
    pixels = ops.cast(ops.arange(old), "float32")
    if filter == "nearest":
        nearest = ops.sign(places) * ops.floor(ops.absolute(places) + 0.5)  # halves away from zero
        return ops.cast(ops.equal(ops.clip(nearest, 0, old - 1)[:, None], pixels), "float32")
    x = ops.absolute(places[:, None] - pixels) / (factor if wider else 1)
    if filter == "linear":
        weights = ops.maximum(1 - x, 0)
    else:
        near, far = x * x * (1.5 * x - 2.5) + 1, x * (x * (-0.5 * x + 2.5) - 4) + 2
        weights = ops.where(x <= 1, near, ops.where(x < 2, far, ops.zeros_like(x)))
    total = ops.sum(weights, axis=1, keepdims=True)
    return weights / ops.where(total == 0, ops.ones_like(total), total)  # no pixel near by: zero
