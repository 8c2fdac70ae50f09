"""A leaky rectifier that graphs compute as it is."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from layers.registration import registered


@registered
class ExactLeakyReLU(keras.layers.Layer):
    """Multiplies negative numbers by a slope.

    TensorFlow 2.21 fuses a convolution, its bias, a sum and a leaky rectifier, as residual networks have them, into one
    operation of its graphs, in which the rectifier's slope becomes 0.2 whatever it is; `keras.layers.LeakyReLU` is
    affected in `predict`, in compiled functions and in SavedModels. This layer computes the same by a form that is not
    fused.

    Args:
        negative_slope: any number.

    Input and output: (batch, ...), of the same shape.
    """

    def __init__(self, negative_slope: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative_slope = float(negative_slope)

    def call(self, inputs: Any) -> Any:
        """Return the inputs, times the slope where they are negative."""
        if self.negative_slope == 0:
            return ops.relu(inputs)  # 0 times infinity is NaN
        choose = ops.maximum if self.negative_slope <= 1 else ops.minimum
        return choose(inputs, inputs * self.negative_slope)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "negative_slope": self.negative_slope}
