"""A tensor of weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered


@registered
class Parameter(keras.layers.Layer):
    """Returns its weight `value`, whatever the input: for operations between weights and tensors.

    Args:
        shape: shape of the weight and of the output.

    Input: any tensor, whose values do not matter. Output: `value`, without a batch axis.
    """

    def __init__(self, shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = tuple(shape)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weight."""
        self.value = self.add_weight(name="value", shape=self.shape, initializer="zeros")

    def call(self, inputs: Any) -> Any:
        """Return the weight."""
        return ops.cast(self.value, self.compute_dtype)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return shape and type of the weight."""
        return keras.KerasTensor(self.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "shape": self.shape}
