"""Preprocessing of pictures for VGG-19: BGR order, 0 to 255, minus the mean pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered

# The mean pixel of ImageNet in Caffe's order: blue, green, red, in 0..255.
VGG_MEAN = (103.939, 116.779, 123.68)


@registered
class VGGPreprocessing(keras.layers.Layer):
    """RGB in [0, 1] to BGR in 0..255 minus the mean pixel of ImageNet, Caffe's and Torch7's convention.

    Args:
        mean: the mean pixel: blue, green, red, in 0..255.

    Input and output: (batch, height, width, 3). Under mixed precision the input is taken as it comes and the
    result computed in float32, then rounded.
    """

    def __init__(self, mean: Sequence[float] = VGG_MEAN, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mean = tuple(mean)
        if len(self.mean) != 3:
            raise ValueError(f"VGGPreprocessing: mean must be three numbers, not {mean!r}")
        self.autocast = False
        self.input_spec = keras.InputSpec(ndim=4, axes={-1: 3})

    def call(self, inputs: Any) -> Any:
        """Return the picture as VGG-19 wants it."""
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        mean = ops.convert_to_tensor(self.mean, dtype=x.dtype)
        return ops.cast(ops.flip(x, axis=-1) * 255.0 - mean, self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return `input_shape`, whose three channels need not be known."""
        return (*input_shape[:3], 3)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "mean": self.mean}
