"""A factor and an offset for each element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from layers.registration import registered


@registered
class ElementwiseAffine(keras.layers.Layer):
    """Multiplies by the weights `gamma` and adds the weights `beta`, broadcast over the input.

    Torch7's nn.CMul and nn.CAdd, Caffe's Scale and Bias.

    Args:
        shape: shape of the weights, without the batch axis. As in NumPy its axes are matched with the last ones
            of the input, and a size of 1 stands for any.
        scale: whether there is a factor.
        shift: whether there is an offset.

    Input and output: (batch, ...), of the same shape.
    """

    def __init__(self, shape: Sequence[int], scale: bool = True, shift: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = tuple(shape)
        self.scale = scale
        self.shift = shift
        self.gamma = None
        self.beta = None

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights."""
        self._check_shape(input_shape)
        if self.scale:
            self.gamma = self.add_weight(shape=self.shape, name="gamma", initializer="ones")
        if self.shift:
            self.beta = self.add_weight(shape=self.shape, name="beta", initializer="zeros")

    def _check_shape(self, input_shape: Sequence[int | None]) -> None:
        sizes = tuple(input_shape)
        matched = sizes[len(sizes) - len(self.shape) :]
        fits = len(self.shape) <= len(sizes) and all(
            own in (1, size) or size is None for own, size in zip(self.shape, matched, strict=True)
        )
        if not fits:
            raise ValueError(
                f"ElementwiseAffine {self.name!r}: weights of shape {self.shape} do not broadcast to an input "
                f"of shape {tuple(input_shape)}"
            )

    def call(self, inputs: Any) -> Any:
        """Return inputs * gamma + beta."""
        outputs = inputs
        if self.gamma is not None:
            outputs = outputs * self.gamma
        if self.beta is not None:
            outputs = outputs + self.beta
        return outputs

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return `input_shape`."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "shape": self.shape, "scale": self.scale, "shift": self.shift}
