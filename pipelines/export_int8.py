"""Wide convolutions in 8 bits: the ranges of their inputs and outputs, taken from sample pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from model.rewiring import rewire

# Narrower convolutions have weights in 8 bits (see export_flatbuffer.shrink) and work in float32. They are a small part
# of a wide network, and those at its start and end, next to the picture, are where 8 bits do most harm: one range for
# all pictures leaves a dull picture few of the 256 steps. In a johnson network the residual blocks are wide: 88 % of
# the weights, 77 % of the arithmetic. With all convolutions calibrated a trained one lost 3 dB on most photos.
LEAST_CHANNELS = 128
# The share of a picture's values that its range holds, in percent; the rest are outliers that would make the steps
# of all others coarse. A sample of the values is enough to find it.
INSIDE = 99.999
MOST_VALUES = 1 << 20


def round_convolutions(model: keras.Model, pictures: Iterable[np.ndarray]) -> keras.Model:
    """Return `model`, sharing its weights, with the inputs and outputs of wide convolutions rounded to 256 steps.

    In this LiteRT's converter recognises convolutions to be done in 8 bits, and quantises their weights by channel;
    it gives transposed convolutions weights in 8 bits. What lies between them stays in float32: instance
    normalisation, whose means, squares and quotients lose 6 to 8 dB in 8 bits, and sums. The rounding is that of
    Jacob et al. 2018 ("Quantization and training of neural networks for efficient integer-arithmetic-only
    inference"); a range holds the values of all pictures but for each one's outliers.

    Args:
        model: the generator.
        pictures: (1, height, width, channels) each, as the model takes them; not read where nothing is wide.
    """
    ranges: list[_Range] = []

    def call(layer: keras.layers.Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(layer, keras.layers.Conv2D) or layer.kernel.shape[2] < LEAST_CHANNELS:
            return layer(inputs, *args, **kwargs)
        before, after = _Range(), _Range()
        ranges.extend((before, after))
        return after(layer(before(inputs)))

    rounded = rewire(model, call)
    for picture in pictures if ranges else ():
        rounded(picture, training=False)
    for watched in ranges:
        watched.calibrating = False
    return rounded


class _Range(keras.layers.Layer):
    """Passes on what comes and takes its range, until `calibrating` is False: then it rounds to 256 steps of it."""

    def __init__(self) -> None:
        super().__init__(trainable=False)
        self.calibrating = True
        self.low = self.high = 0.0

    def call(self, inputs: Any) -> Any:
        """Return `inputs`, or their rounded values."""
        if not self.calibrating:
            return keras.quantizers.fake_quant_with_min_max_vars(inputs, self.low, self.high)
        if not isinstance(inputs, keras.KerasTensor):
            self._watch(keras.ops.convert_to_numpy(inputs))
        return inputs

    def _watch(self, values: np.ndarray) -> None:
        values = values.ravel()[:: -(-values.size // MOST_VALUES)]
        low, high = np.percentile(values, (100 - INSIDE, INSIDE))
        self.low, self.high = min(self.low, float(low)), max(self.high, float(high))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return `input_shape`."""
        return input_shape
