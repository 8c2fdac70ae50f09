"""The inverse of VGGPreprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered
from layers.vgg_preprocessing import VGG_MEAN


@registered
class VGGPostprocessing(keras.layers.Layer):
    """BGR in 0..255 minus the mean pixel of ImageNet to RGB in [0, 1], without clipping.

    Input and output: (batch, height, width, 3). Under mixed precision the input is taken as it comes and the
    result computed in float32, then rounded.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.autocast = False
        self.input_spec = keras.InputSpec(ndim=4, axes={-1: 3})

    def call(self, inputs: Any) -> Any:
        """Return the picture in RGB, in [0, 1] as far as the network kept to its range."""
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        mean = ops.convert_to_tensor(VGG_MEAN, dtype=x.dtype)
        return ops.cast(ops.flip(x + mean, axis=-1) * (1.0 / 255.0), self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return `input_shape`, whose three channels need not be known."""
        return (*input_shape[:3], 3)
