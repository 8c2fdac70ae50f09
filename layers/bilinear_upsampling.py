"""Bilinear enlargement with aligned corners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import pair
from layers.registration import registered


@registered
class BilinearUpSampling2D(keras.layers.Layer):
    """Enlarges (or shrinks) bilinearly with the corners aligned: nn.SpatialUpSamplingBilinear.

    The first and last rows and columns of input and output coincide, which
    keras.layers.UpSampling2D(interpolation="bilinear") does otherwise.

    Args:
        size: factor, int or (height, width).
        output_size: (height, width) of the output in place of a factor.

    Input: (batch, height, width, channels).
    """

    def __init__(
        self,
        size: int | Sequence[int] = 2,
        output_size: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = pair(size, "size")
        self.output_size = None if output_size is None else pair(output_size, "output_size")
        self.input_spec = keras.InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        """Return the enlarged picture."""
        sizes = ops.shape(inputs)[1:3]
        outputs = ops.cast(inputs, self.compute_dtype)  # Keras casts no integers
        for axis, (size, target) in enumerate(zip(sizes, self._targets(sizes), strict=True), start=1):
            outputs = resized(outputs, axis, size, target)
        return outputs

    def _targets(self, sizes: Sequence[Any]) -> tuple[Any, Any]:
        if self.output_size is not None:
            return self.output_size
        height, width = (None if n is None else n * factor for n, factor in zip(sizes, self.size, strict=True))
        return height, width

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the enlarged shape, None where a size is unknown."""
        return (input_shape[0], *self._targets(input_shape[1:3]), input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "size": self.size, "output_size": self.output_size}


def resized(inputs: Any, axis: int, size: Any, target: Any) -> Any:
    """Return `inputs` with a mixture of the two nearest rows (or columns) for each of the `target` new ones.

    The position is computed in integers, so that it is exact for pictures of any size.

    Args:
        inputs: (batch, height, width, channels).
        axis: 1 for rows, 2 for columns.
        size: how many there are.
        target: how many are wanted; the first and the last stay what they are.
    """
    steps = ops.arange(target) * (size - 1)
    gaps = ops.maximum(target - 1, 1)
    lower = steps // gaps
    upper = ops.minimum(lower + 1, size - 1)
    share = ops.cast(steps - lower * gaps, "float32") / ops.cast(gaps, "float32")
    share = ops.reshape(ops.cast(share, inputs.dtype), (1, -1, 1, 1) if axis == 1 else (1, 1, -1, 1))
    near, far = ops.take(inputs, lower, axis=axis), ops.take(inputs, upper, axis=axis)
    return near + (far - near) * share
