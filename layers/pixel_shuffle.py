"""Pixel shuffle: channels become pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered


@registered
class PixelShuffle2D(keras.layers.Layer):
    """Enlarges `size` times by making each group of size^2 channels a square of pixels: nn.PixelShuffle.

    Channel c * size^2 + i * size + j goes to channel c, row i and column j of the square (Shi et al. 2016). The order
    of keras.ops.depth_to_space is another one: (i, j, c).

    Args:
        size: factor, at least 1.

    Input: (batch, height, width, channels), where size^2 divides the channels; output: (batch, height * size,
    width * size, channels / size^2).
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if size < 1:
            raise ValueError(f"size must be at least 1, not {size}")
        self.size = size
        self.input_spec = keras.InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        """Return the enlarged picture."""
        self.compute_output_shape(inputs.shape)
        batch, height, width, channels = ops.shape(inputs)
        size, planes = self.size, channels // self.size**2
        squares = ops.reshape(inputs, (batch, height, width, planes, size, size))
        interleaved = ops.transpose(squares, (0, 1, 4, 2, 5, 3))
        return ops.reshape(interleaved, (batch, height * size, width * size, planes))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the output's shape; unknown sizes stay unknown."""
        batch, height, width, channels = input_shape
        if channels is not None and channels % self.size**2:
            raise ValueError(f"{channels} channels are not a multiple of {self.size**2}")
        height, width = (None if side is None else side * self.size for side in (height, width))
        return batch, height, width, None if channels is None else channels // self.size**2

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return shape and type of the output."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "size": self.size}
