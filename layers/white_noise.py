"""Normally distributed noise, added during training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from layers.registration import registered


@registered
class WhiteNoise(keras.layers.Layer):
    """Adds normal noise in training and its mean at inference: nn.WhiteNoise.

    Args:
        mean: mean of the noise.
        stddev: its standard deviation, at least 0.
        seed: of the noise, an integer of at least 0.

    Input and output: any tensor.
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.1, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if stddev < 0 or seed < 0:
            raise ValueError(f"WhiteNoise needs stddev >= 0 and seed >= 0, not stddev={stddev} and seed={seed}")
        self.mean = mean
        self.stddev = stddev
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the input with noise in training, with the mean of the noise else."""
        if not training:
            return inputs + self.mean
        shape = keras.ops.shape(inputs)
        noise = keras.random.normal(shape, self.mean, self.stddev, dtype=inputs.dtype, seed=self.seed_generator)
        return inputs + noise

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return `input_shape`."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev, "seed": self.seed}
