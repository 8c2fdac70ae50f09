"""One axis as the several that it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered


@registered
class UnfoldAxes(keras.layers.Layer):
    """Undoes FoldAxes: the first axis of the first input gets the first `axes` sizes of the second.

    Args:
        axes: number of leading axes of the second input, at least 1.

    Input: two tensors, (d_1 * ... * d_axes, ...) and (d_1, ..., d_axes, ...). Output: (d_1, ..., d_axes, ...) with
    the further sizes of the first.
    """

    def __init__(self, axes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if axes < 1:
            raise ValueError(f"UnfoldAxes needs axes >= 1, not {axes}")
        self.axes = axes

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the reshaped first input."""
        folded, like = inputs
        return ops.reshape(folded, (*ops.shape(like)[: self.axes], *ops.shape(folded)[1:]))

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the first sizes of the second input with the further ones of the first."""
        folded, like = input_shape
        return (*like[: self.axes], *folded[1:])

    def compute_output_spec(self, inputs: Sequence[Any]) -> keras.KerasTensor:
        """Return the output's shape and the first input's type."""
        folded, like = inputs
        return keras.KerasTensor(self.compute_output_shape([folded.shape, like.shape]), dtype=folded.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "axes": self.axes}
