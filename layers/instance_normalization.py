"""Instance normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers import native
from layers.registration import registered


@registered
class InstanceNormalization(keras.layers.Layer):
    """Normalises each channel of each picture over its height and width (Ulyanov et al. 2016, 1607.08022).

    The statistics are always the picture's own, at training and at inference; the variance is biased. The
    same numbers as keras.layers.GroupNormalization(groups=-1), faster. Under `plain_formulas` it is traced as
    means, products and sums alone.

    Args:
        epsilon: added to the variance.
        center: whether there is an offset `beta`.
        scale: whether there is a factor `gamma`.

    Input and output: (batch, height, width, channels). Under mixed precision statistics, `gamma` and `beta`
    are float32.
    """

    def __init__(self, epsilon: float = 1e-5, center: bool = True, scale: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.gamma = None
        self.beta = None

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights."""
        channels = input_shape[-1]
        self.input_spec = keras.InputSpec(ndim=4, axes={-1: channels})
        if self.scale:
            self.gamma = self.add_weight(name="gamma", shape=(channels,), initializer="ones", autocast=False)
        if self.center:
            self.beta = self.add_weight(name="beta", shape=(channels,), initializer="zeros", autocast=False)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the normalised picture."""
        inputs = ops.cast(inputs, self.compute_dtype)  # Keras casts no integers
        return native.instance_normalization(inputs, self.gamma, self.beta, self.epsilon, self._plain, training)

    def _plain(self, inputs: Any) -> Any:
        return normalize_instances(inputs, self.gamma, self.beta, self.epsilon)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return `input_shape`."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
        }


def normalize_instances(inputs: Any, gamma: Any, beta: Any, epsilon: float, *, over_channels: bool = False) -> Any:
    """Return `inputs` normalised over height and width, by elementary operations.

    Args:
        inputs: (batch, height, width, channels).
        gamma: factor that spreads over `inputs`, or None.
        beta: offset likewise, or None.
        epsilon: added to the variance.
        over_channels: whether to normalise over the channels too.
    """
    x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
    x = x - _mean(x, over_channels)
    factor = ops.rsqrt(_mean(ops.square(x), over_channels) + epsilon)
    if gamma is not None:
        factor = factor * ops.cast(gamma, x.dtype)
    outputs = x * factor
    if beta is not None:
        outputs = outputs + ops.cast(beta, x.dtype)
    return ops.cast(outputs, inputs.dtype)


def _mean(x: Any, over_channels: bool) -> Any:
    """Return the mean over height and width: of rows first, which keeps long sums accurate."""
    mean = ops.mean(ops.mean(x, axis=2, keepdims=True), axis=1, keepdims=True)
    return ops.mean(mean, axis=3, keepdims=True) if over_channels else mean
