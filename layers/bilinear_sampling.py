"""Pixels at places that another tensor gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered

# The numbers of pixels along an axis, and their weights, for both sides of each place.
Neighbours = list[tuple[Any, Any]]


@registered
class BilinearSampling2D(keras.layers.Layer):
    """Mixes the four pixels around each place: the sampler of spatial transformers (Jaderberg et al. 2015, 1506.02025).

    Places are (row, column) from -1, the middle of the first pixel, to 1, the middle of the last. Pixels outside of the
    picture count as zeros.

    Input: pictures (batch, height, width, channels) and places (batch, rows, columns, 2).
    Output: (batch, rows, columns, channels).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.input_spec = [keras.InputSpec(ndim=4), keras.InputSpec(ndim=4, axes={-1: 2})]

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the pictures of the places."""
        pictures, places = inputs
        pictures = ops.cast(pictures, self.compute_dtype)  # Keras casts no integers
        _, height, width, _ = ops.shape(pictures)
        places = ops.cast(places, "float32")
        return mixed_pixels(pictures, _neighbours(places[..., 0], height), _neighbours(places[..., 1], width))

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the batch and size of the places with the channels of the pictures."""
        pictures, places = input_shape
        return (*places[:-1], pictures[-1])


def mixed_pixels(pictures: Any, rows: Neighbours, columns: Neighbours) -> Any:
    """Return the weighted sum of the four pixels around each place, (batch, places, places, channels).

    Args:
        pictures: (batch, height, width, channels).
        rows: numbers and weights of the two rows around each place, each (batch, places, places).
        columns: those of the two columns.
    """
    batch, height, width, channels = ops.shape(pictures)
    pixels = ops.reshape(pictures, (-1, channels))
    first = ops.reshape(ops.arange(batch, dtype="int32") * (height * width), (-1, 1, 1))
    mixed = 0.0
    for row, row_weight in rows:
        for column, column_weight in columns:
            found = ops.take(pixels, first + row * width + column, axis=0)
            mixed += ops.cast((row_weight * column_weight)[..., None], found.dtype) * found
    return mixed


def pixels_around(position: Any, size: Any) -> Neighbours:
    """Return for both pixels around each place their numbers along an axis of `size`, and their weights.

    Args:
        position: the places, the middle of the first pixel at 0; a pixel outside of the picture has the weight 0.
        size: of the axis.
    """
    last = ops.cast(size - 1, "float32")
    # Whatever lies further outside has no neighbour either, and fits into an integer.
    position = ops.clip(position, -2.0, last + 2.0)
    before = ops.floor(position)
    part = position - before
    pairs = []
    for pixel, weight in ((before, 1.0 - part), (before + 1.0, part)):
        inside = ops.logical_and(pixel >= 0.0, pixel <= last)
        number = ops.cast(ops.clip(pixel, 0.0, last), "int32")
        pairs.append((number, ops.where(inside, weight, ops.zeros_like(weight))))
    return pairs


def _neighbours(places: Any, size: Any) -> Neighbours:
    """Return the pixels around places from -1 to 1, along an axis of `size`."""
    return pixels_around((places + 1.0) * 0.5 * ops.cast(size - 1, "float32"), size)
