"""Cropping one picture to the size of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered
from layers.spatial import crop


@registered
class CropToMatch(keras.layers.Layer):
    """Crops the bottom and right of `x` to the height and width of `reference`: call([x, reference]).

    Both are (batch, height, width, channels); `x` must be at least as large as `reference`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.input_spec = [keras.InputSpec(ndim=4), keras.InputSpec(ndim=4)]

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the top left part of `x` with the height and width of `reference`."""
        x, reference = inputs
        self._check_sizes(x.shape, reference.shape)
        return crop(x, 0, 0, *ops.shape(reference)[1:3])

    def _check_sizes(self, x: Sequence[int | None], reference: Sequence[int | None]) -> None:
        if any(a is not None and b is not None and a < b for a, b in zip(x[1:3], reference[1:3], strict=True)):
            raise ValueError(
                f"CropToMatch {self.name!r}: cannot crop height and width {tuple(x[1:3])} "
                f"to the larger {tuple(reference[1:3])}"
            )

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the shape of `x` with the height and width of `reference`."""
        x, reference = input_shape
        self._check_sizes(x, reference)
        return (x[0], reference[1], reference[2], x[3])
