"""Maxima of the parts of boxes in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import pair
from layers.padded_max_pooling import LOWEST
from layers.registration import registered
from layers.rounding import rounded

MAX_TABLE = 4096  # length of boxes, in pixels of the pictures, for which quotients are stored


@registered
class RegionMaxPooling2D(keras.layers.Layer):
    """Divides boxes into as many parts as requested and returns the maximum of each: call([pictures, boxes]).

    The pooling of regions of interest of Fast R-CNN (Girshick 2015, 1504.08083). The corners of a box, which are
    pixels of the original picture, are multiplied by `scale` and rounded, halves away from zero; both belong to the
    box. Part i of n of a side of s pixels begins at floor(i s / n) and ends before ceil((i + 1) s / n); what lies
    outside of the picture does not count, and a part without a pixel is 0.

    Maxima of squares and oblongs whose sides are powers of two are computed once, at all places; a part is covered by
    four of them. So the height and the width of the pictures must be known.

    Args:
        output_size: (rows, columns) of parts.
        scale: pixels of `pictures` for each pixel of the original.
        clip_boxes: limit the boxes to the picture before they are divided, as Torch7's nn.ROIPooling does; the parts
            then begin and end as those of nn.SpatialAdaptiveMaxPooling, which computes i / n * s in float32.

    Input: pictures (batch, height, width, channels) and boxes (boxes, 5): the number of a picture in the batch, left,
    top, right, bottom, all from 0 on.
    Output: (boxes, rows, columns, channels).

    Raises:
        ValueError: height or width of the pictures are not known.
    """

    def __init__(
        self, output_size: int | Sequence[int], scale: float = 1.0, clip_boxes: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.output_size = pair(output_size, "output_size")
        self.scale = scale
        self.clip_boxes = clip_boxes
        self.input_spec = [keras.InputSpec(ndim=4), keras.InputSpec(ndim=2, axes={-1: 5})]

    def build(self, input_shape: Sequence[Sequence[int | None]]) -> None:
        """Raise ValueError where the size of the pictures is unknown."""
        if None in input_shape[0][1:3]:
            raise ValueError("RegionMaxPooling2D: height and width of the pictures must be known")

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the maxima."""
        pictures, boxes = inputs
        pictures = ops.cast(pictures, self.compute_dtype)  # Keras casts no integers
        batch, height, width, channels = ops.shape(pictures)
        boxes = ops.cast(boxes, "float32")
        corners = rounded(boxes[:, 1:] * self.scale)
        rows = self._parts(corners[:, 1], corners[:, 3], self.output_size[0], pictures.shape[1])
        columns = self._parts(corners[:, 0], corners[:, 2], self.output_size[1], pictures.shape[2])
        blocks = [block for tall in _doubled(pictures, 1) for block in _doubled(tall, 2)]
        pixels = ops.reshape(ops.stack(blocks), (-1, channels))
        number = ops.cast(boxes[:, 0], "int32")[:, None, None]
        level = rows.level[:, :, None] * pictures.shape[2].bit_length() + columns.level[:, None, :]
        first = (level * batch + number) * (height * width)
        maxima = None
        for row in (rows.first, rows.second):
            for column in (columns.first, columns.second):
                found = ops.take(pixels, first + row[:, :, None] * width + column[:, None, :], axis=0)
                maxima = found if maxima is None else ops.maximum(maxima, found)
        filled = ops.logical_and(rows.filled[:, :, None], columns.filled[:, None, :])[..., None]
        return ops.where(filled, maxima, ops.zeros_like(maxima))

    def _parts(self, starts: Any, ends: Any, count: int, size: int) -> _Parts:
        """Return where the parts of boxes from `starts` to `ends` lie along a side of `size` pixels."""
        if self.clip_boxes:
            starts, ends = (ops.clip(value, 0, size - 1) for value in (starts, ends))
        length = ops.maximum(ends - starts + 1.0, 1.0)[:, None]
        numbers = [i / count if self.clip_boxes else i for i in range(count + 1)]
        borders = ops.convert_to_tensor([numbers], dtype="float32")
        borders = borders * (length if self.clip_boxes else _quotients(length, count))
        first, last = (
            ops.cast(ops.clip(rounded + starts[:, None], 0, size), "int32")
            for rounded in (ops.floor(borders[:, :-1]), ops.ceil(borders[:, 1:]))
        )
        return _Parts(first, last, size)

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the number of boxes, the parts, the channels."""
        pictures, boxes = input_shape
        return (boxes[0], *self.output_size, pictures[3])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {"output_size": self.output_size, "scale": self.scale, "clip_boxes": self.clip_boxes}
        return {**super().get_config(), **own}


class _Parts:
    """Parts of a side as two blocks each, which overlap: of 2^level pixels, from `first` and from `second` on."""

    def __init__(self, first: Any, last: Any, size: int) -> None:
        length = last - first
        self.filled = length > 0
        self.level = ops.zeros_like(first)
        for exponent in range(1, size.bit_length()):
            self.level = self.level + ops.cast(length >= 2**exponent, "int32")
        block = ops.ones_like(first)
        for exponent in range(1, size.bit_length()):
            block = ops.where(self.level >= exponent, 2**exponent, block)
        self.first = ops.clip(first, 0, size - 1)
        self.second = ops.clip(last - block, 0, size - 1)


def _quotients(length: Any, count: int) -> Any:
    """Return lengths, (boxes, 1), divided by a number; XLA, as JAX uses it, rounds the last bit of it otherwise."""
    exact = ops.convert_to_tensor([i / count for i in range(MAX_TABLE + 1)], dtype="float32")
    position = ops.cast(ops.minimum(length, MAX_TABLE), "int32")
    return ops.where(length > MAX_TABLE, length / count, ops.take(exact, position, axis=0))


def _doubled(x: Any, axis: int) -> list[Any]:
    """Return maxima of 1, 2, 4, ... neighbours from each place on along an axis, up to its size."""
    size = x.shape[axis]
    lowest = LOWEST[keras.backend.standardize_dtype(x.dtype)]
    levels = [x]
    for exponent in range(size.bit_length() - 1):
        step = 2**exponent
        padding = [(0, step) if i == axis else (0, 0) for i in range(4)]
        moved = ops.pad(levels[-1], padding, constant_values=lowest)
        moved = moved[:, step:] if axis == 1 else moved[:, :, step:]
        levels.append(ops.maximum(levels[-1], moved))
    return levels
