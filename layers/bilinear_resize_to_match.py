"""Resizing one picture to the size of another, bilinearly with aligned corners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.bilinear_upsampling import resized
from layers.registration import registered


@registered
class BilinearResizeToMatch(keras.layers.Layer):
    """Resizes `x` to the height and width of `reference`, the corners aligned: call([x, reference]).

    As torch.nn.functional.interpolate(x, size, mode="bilinear", align_corners=True): the first and last rows and
    columns of input and output coincide.

    Input: both (batch, height, width, channels).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.input_spec = [keras.InputSpec(ndim=4), keras.InputSpec(ndim=4)]

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return `x` with the height and width of `reference`."""
        x, reference = inputs
        outputs = ops.cast(x, self.compute_dtype)  # Keras casts no integers
        for axis in (1, 2):
            outputs = resized(outputs, axis, ops.shape(x)[axis], ops.shape(reference)[axis])
        return outputs

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the shape of `x` with the height and width of `reference`."""
        x, reference = input_shape
        return (x[0], reference[1], reference[2], x[3])
