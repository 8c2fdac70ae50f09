"""Pictures moved by an optical flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.bilinear_sampling import Neighbours, mixed_pixels
from layers.registration import registered


@registered
class FlowWarping2D(keras.layers.Layer):
    """Takes each pixel from where a flow points to: FlowWarp of FlowNet 2 (Ilg et al. 2016, 1612.01925).

    The four pixels around the place are mixed; half a pixel beyond the last row or column counts as that, and what
    points outside of [0, height) and [0, width) becomes 0.

    Input: pictures (batch, height, width, channels) and flows (batch, height, width, 2): pixels to the right, and down.
    Output: (batch, height, width, channels).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.input_spec = [keras.InputSpec(ndim=4), keras.InputSpec(ndim=4, axes={-1: 2})]

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the pictures moved."""
        pictures, flows = inputs
        pictures = ops.cast(pictures, self.compute_dtype)  # Keras casts no integers
        _, height, width, _ = ops.shape(pictures)
        flows = ops.cast(flows, "float32")
        rows, columns = (ops.cast(ops.arange(size), "float32") for size in (height, width))
        down, right = ops.reshape(rows, (-1, 1)) + flows[..., 1], columns + flows[..., 0]
        return mixed_pixels(pictures, _neighbours(down, height), _neighbours(right, width))

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the shape of the pictures."""
        return tuple(input_shape[0])


def _neighbours(places: Any, size: Any) -> Neighbours:
    """Return for both pixels around each place their numbers along an axis of `size`, and their weights."""
    last = ops.cast(size - 1, "float32")
    inside = ops.cast(ops.logical_and(places >= 0.0, places < last + 1.0), "float32")
    places = ops.clip(places, 0.0, last + 1.0)
    before = ops.floor(places)
    part = places - before
    numbers = (ops.cast(ops.minimum(pixel, last), "int32") for pixel in (before, before + 1.0))
    return list(zip(numbers, (inside * (1.0 - part), inside * part), strict=True))
