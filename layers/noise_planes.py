"""Noise of a picture's size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered


@registered
class NoisePlanes(keras.layers.Layer):
    """Planes of independent uniform noise in [0, 1) with the batch size, height and width of the input.

    The input's values do not matter. Torch7's texture networks fill the last channels of their input with
    such noise at every call (nn.NoiseFill); here each training step draws new noise from a seed generator,
    whose state is saved with the model, but inference always takes the noise of `seed`: the same model and
    picture give the same result, and the frames of a film do not flicker.

    Args:
        planes: number of noise channels, at least 1.
        seed: of the noise, an integer of at least 0.

    Input: (batch, height, width, channels). Output: (batch, height, width, planes), in the layer's compute
    dtype. The values differ from one Keras backend to another.
    """

    def __init__(self, planes: int, *, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if planes < 1 or seed < 0:
            raise ValueError(f"NoisePlanes needs planes >= 1 and seed >= 0, not planes={planes} and seed={seed}")
        self.planes = planes
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.input_spec = keras.InputSpec(ndim=4)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return noise of the size of `inputs`: the next in training, always that of `seed` otherwise."""
        shape = (*ops.shape(inputs)[:3], self.planes)
        seed = self.seed_generator if training else self.seed
        return keras.random.uniform(shape, dtype=self.compute_dtype, seed=seed)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return `input_shape` with `planes` channels."""
        return (*input_shape[:3], self.planes)

    def save_own_variables(self, store: Any) -> None:
        """Save the state of the seed generator, which Keras leaves out, so that training can go on with it."""
        store["seed_state"] = ops.convert_to_numpy(self.seed_generator.state)

    def load_own_variables(self, store: Any) -> None:
        """Load the state of the seed generator."""
        self.seed_generator.state.assign(store["seed_state"][()])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "planes": self.planes, "seed": self.seed}
