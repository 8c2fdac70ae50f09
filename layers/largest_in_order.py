"""The largest values of a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered


@registered
class LargestInOrder(keras.layers.Layer):
    """Keeps the `k` largest values of each feature, in the order of time: nn.TemporalDynamicKMaxPooling.

    Args:
        k: how many.

    Input: (batch, time, features) of at least `k` steps. Output: (batch, k, features).
    """

    def __init__(self, k: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if k < 1:
            raise ValueError(f"LargestInOrder needs k >= 1, not {k}")
        self.k = k
        self.input_spec = keras.InputSpec(ndim=3)

    def call(self, inputs: Any) -> Any:
        """Return the chosen values."""
        self.compute_output_shape(inputs.shape)
        features_first = ops.transpose(inputs, (0, 2, 1))
        _, places = ops.top_k(features_first, self.k)
        places = ops.sort(ops.cast(places, "int32"), axis=-1)
        return ops.transpose(ops.take_along_axis(features_first, places, axis=-1), (0, 2, 1))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape with `k` steps.

        Raises:
            ValueError: there are fewer.
        """
        if input_shape[1] is not None and input_shape[1] < self.k:
            raise ValueError(f"LargestInOrder {self.name!r}: k is {self.k}, but there are {input_shape[1]} steps")
        return (input_shape[0], self.k, input_shape[2])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "k": self.k}
