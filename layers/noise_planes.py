"""Noise of a picture's size."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered

# Primes p of which x -> x**3 is a permutation of 0 ... p - 1 (p is 2 more than a multiple of 3). They are small, so
# that products of two such numbers, and the quotients that a remainder takes, are exact enough in float32.
MODULI = (2039, 2027, 2003)


@registered
class NoisePlanes(keras.layers.Layer):
    """Planes of independent uniform noise in [0, 1) with the batch size, height and width of the input.

    The input's values do not matter. Torch7's texture networks fill the last channels of their input with
    such noise at every call (nn.NoiseFill); here each training step draws new noise from a seed generator,
    whose state is saved with the model, but inference always takes the noise of `seed`: the same model and
    picture give the same result, and the frames of a film do not flicker. It is `position_noise`, which
    every backend and every runtime computes alike, so that exports can have it.

    Args:
        planes: number of noise channels, at least 1.
        seed: of the noise, an integer of at least 0.

    Input: (batch, height, width, channels). Output: (batch, height, width, planes), in the layer's compute
    dtype. What training draws differs from one Keras backend to another.
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
        if training:
            return keras.random.uniform(shape, dtype=self.compute_dtype, seed=self.seed_generator)
        return ops.cast(position_noise(shape, self.seed), self.compute_dtype)

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


def position_noise(shape: Sequence[Any], seed: int) -> Any:
    """Return noise that is a function of position: float32, uniform in [0, 1), of `shape` (four sizes).

    A number modulo each of MODULI is stirred with the place on each axis in turn, always by a cube, which mixes well
    and is undone by no other number; the three make one number. All is whole numbers below 2**22 in float32, exact in
    every runtime.
    """
    numbers = random.Random(seed)
    found = [_stirred(shape, modulus, numbers) for modulus in MODULI]
    first, second, _ = MODULI
    coarse = _remainder(sum(found), first)
    return (coarse * second + found[1]) * (1 / (first * second))  # compilers divide by constants in two ways


def _stirred(shape: Sequence[Any], modulus: int, numbers: random.Random) -> Any:
    """Return whole numbers in 0 ... modulus - 1, another at each place of `shape`."""
    rank = len(shape)
    state: Any = float(int(numbers.random() * modulus))
    for axis in (0, 3, 1, 2):  # pixels of a row last: what comes before is small
        places = ops.cast(ops.arange(shape[axis]), "float32")
        places = _remainder(places, modulus) * float(1 + int(numbers.random() * (modulus - 1)))
        places = ops.reshape(places, [-1 if other == axis else 1 for other in range(rank)])
        mixed = _cube(_remainder(places + state, modulus), modulus)
        state = _cube(_remainder(mixed + state * float(1 + int(numbers.random() * 1000)), modulus), modulus)
    return state


def _cube(x: Any, modulus: int) -> Any:
    return _remainder(_remainder(x * x, modulus) * x, modulus)


def _remainder(x: Any, modulus: int) -> Any:
    """Return whole numbers modulo another; half is added so that rounding cannot lift a quotient to the next number."""
    return x - modulus * ops.floor((x + 0.5) / modulus)
