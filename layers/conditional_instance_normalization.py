"""Instance normalisation with a scale and an offset for each style."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
from keras import ops

from layers import native
from layers.instance_normalization import normalize_instances
from layers.registration import registered


@registered
class ConditionalInstanceNormalization(keras.layers.Layer):
    """Instance normalisation whose factor and offset are mixed from those of many styles: call([x, weights]).

    Dumoulin, Shlens & Kudlur 2017 ("A Learned Representation for Artistic Style"): everything else in a network is
    shared by its styles, and weights between those of two styles give what lies between them. The statistics are
    `InstanceNormalization`'s, of each picture by itself.

    Args:
        epsilon: added to the variance.
        center: whether there are offsets `beta`.

    Inputs: (batch, height, width, channels), and the styles' weights (batch, styles), one row a picture; rows add up
    to 1. Output: like the first. The weights `gamma` and `beta` are (styles, channels), float32 whatever the
    precision, as the statistics are.
    """

    def __init__(self, epsilon: float = 1e-5, center: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.center = center
        self.beta = None

    def build(self, input_shape: Sequence[Sequence[int | None]]) -> None:
        """Make the weights."""
        (*_, channels), (_, styles) = input_shape
        self.input_spec = [keras.InputSpec(ndim=4, axes={-1: channels}), keras.InputSpec(ndim=2, axes={-1: styles})]
        shape = (styles, channels)
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones", autocast=False)
        if self.center:
            self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros", autocast=False)

    def call(self, inputs: Sequence[Any], training: bool | None = None) -> Any:
        """Return the normalised pictures."""
        x, weights = inputs
        x = ops.cast(x, self.compute_dtype)  # Keras casts no integers
        weights = ops.cast(weights, self.gamma.dtype)
        gamma = ops.matmul(weights, self.gamma)
        beta = None if self.beta is None else ops.matmul(weights, self.beta)
        plain = partial(self._plain, gamma=gamma, beta=beta)
        return native.instance_normalization(x, gamma, beta, self.epsilon, plain, training)

    def _plain(self, x: Any, gamma: Any, beta: Any) -> Any:
        beta = None if beta is None else ops.expand_dims(beta, (1, 2))
        return normalize_instances(x, ops.expand_dims(gamma, (1, 2)), beta, self.epsilon)

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the shape of the pictures."""
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "epsilon": self.epsilon, "center": self.center}
