"""Several leading axes as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered


@registered
class FoldAxes(keras.layers.Layer):
    """Makes one axis of the first `axes`; all sizes may be free.

    Args:
        axes: number of leading axes, at least 1.

    Input: (d_1, ..., d_axes, ...). Output: (d_1 * ... * d_axes, ...).
    """

    def __init__(self, axes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if axes < 1:
            raise ValueError(f"FoldAxes needs axes >= 1, not {axes}")
        self.axes = axes

    def call(self, inputs: Any) -> Any:
        """Return the reshaped tensor."""
        return ops.reshape(inputs, (-1, *ops.shape(inputs)[self.axes :]))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape with the product of the first sizes, None where one of them is free."""
        first = input_shape[: self.axes]
        return (None if None in first else math.prod(size or 0 for size in first), *input_shape[self.axes :])

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return the output's shape and the input's type."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "axes": self.axes}
