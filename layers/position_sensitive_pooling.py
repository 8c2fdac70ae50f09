"""Means of the parts of boxes in pictures, each part from channels of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import whole_number
from layers.registration import registered
from layers.rounding import rounded

MIN_SIDE = 0.1  # of a box, in pixels of the pictures


@registered
class PositionSensitivePooling2D(keras.layers.Layer):
    """Divides boxes into parts and returns the mean of each in its own channels: call([pictures, boxes]).

    The pooling of R-FCN (Dai et al. 2016, 1605.06409). Corners are rounded, halves away from zero, and multiplied by
    `scale`; the last pixel belongs to the box. A part is enlarged to whole pixels; what lies outside of the picture
    does not count, and a part without a pixel is 0. Channel (c * parts + row) * parts + column is that of the part in
    that row and column for the output's channel c.

    Args:
        parts: how many parts a box has in each direction.
        scale: pixels of `pictures` for each pixel of the original.

    Input: pictures (batch, height, width, channels * parts * parts) and boxes (boxes, 5): the number of a picture in
    the batch, left, top, right, bottom, all from 0 on.
    Output: (boxes, parts, parts, channels).
    """

    def __init__(self, parts: int, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = whole_number(parts, "parts")
        self.scale = scale
        self.input_spec = [keras.InputSpec(ndim=4), keras.InputSpec(ndim=2, axes={-1: 5})]

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the means."""
        pictures, boxes = (ops.cast(value, "float32") for value in inputs)
        batch, height, width, _ = ops.shape(pictures)
        channels = pictures.shape[3] // self.parts**2
        left, top, right, bottom = (rounded(boxes[:, index]) for index in range(1, 5))
        rows, columns = self._inside(top, bottom, height), self._inside(left, right, width)
        area = ops.expand_dims(ops.sum(rows, 2), 2) * ops.expand_dims(ops.sum(columns, 2), 1)
        # The pictures stand one below the other, and a box sees the rows of its own.
        own = ops.cast(boxes[:, :1] == ops.cast(ops.arange(batch), "float32"), "float32")
        rows = ops.reshape(ops.expand_dims(rows, 2) * own[:, None, :, None], (-1, self.parts, batch * height))
        planes = ops.reshape(pictures, (batch * height, width, channels, self.parts**2))
        planes = ops.reshape(ops.transpose(planes, (3, 0, 1, 2)), (self.parts**2, batch * height, -1))
        sums = ops.matmul(ops.repeat(ops.transpose(rows, (1, 0, 2)), self.parts, axis=0), planes)
        sums = ops.reshape(sums, (self.parts**2, -1, width, channels))
        sums = ops.sum(sums * ops.tile(ops.transpose(columns, (1, 0, 2)), (self.parts, 1, 1))[..., None], axis=2)
        sums = ops.reshape(ops.transpose(sums, (1, 0, 2)), (-1, self.parts, self.parts, channels))
        return ops.cast(sums / ops.maximum(area, 1.0)[..., None], self.compute_dtype)

    def _inside(self, start: Any, end: Any, size: Any) -> Any:
        """Return, (boxes, parts, size), which pixels along a side belong to which part of boxes, as 0 or 1."""
        start, end = start * self.scale, (end + 1.0) * self.scale
        length = ops.expand_dims(ops.maximum(end - start, MIN_SIDE), 1) / self.parts
        number = ops.expand_dims(ops.arange(self.parts, dtype="float32"), 0)
        first, last = (
            ops.expand_dims(limit((number + more) * length + start[:, None]), 2)
            for limit, more in ((ops.floor, 0.0), (ops.ceil, 1.0))
        )
        pixel = ops.cast(ops.arange(size), "float32")
        return ops.cast(ops.logical_and(pixel >= first, pixel < last), "float32")

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the number of boxes, the parts, the channels."""
        pictures, boxes = input_shape
        channels = None if pictures[3] is None else pictures[3] // self.parts**2
        return (boxes[0], self.parts, self.parts, channels)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "parts": self.parts, "scale": self.scale}
