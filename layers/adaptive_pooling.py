"""Pooling to an output of a given size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import pair
from layers.padded_max_pooling import LOWEST
from layers.registration import registered


@registered
class AdaptivePooling2D(keras.layers.Layer):
    """Maxima or means of as many windows as requested, which together cover the picture.

    Window i of n along a side of s pixels begins at floor(i s / n) and ends before ceil((i + 1) s / n). For maxima
    this is computed as i / n * s in float32, as nn.SpatialAdaptiveMaxPooling does, which sometimes makes a window one
    pixel longer; for means exactly, as nn.SpatialAdaptiveAveragePooling does.

    Args:
        output_size: (height, width) of the output.
        mode: "max" or "average".

    Input: (batch, height, width, channels).
    """

    def __init__(self, output_size: int | Sequence[int], mode: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in ("max", "average"):
            raise ValueError(f"AdaptivePooling2D: mode must be 'max' or 'average', not {mode!r}")
        self.output_size = pair(output_size, "output_size")
        self.mode = mode
        self.input_spec = keras.InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        """Return the pooled picture: rows first, then columns."""
        pool = self._maxima if self.mode == "max" else self._means
        rows = pool(ops.cast(inputs, self.compute_dtype), self.output_size[0])
        columns = pool(ops.transpose(rows, (0, 2, 1, 3)), self.output_size[1])
        return ops.transpose(columns, (0, 2, 1, 3))

    def _maxima(self, x: Any, count: int) -> Any:
        inside = self._windows(ops.shape(x)[1], count)
        lowest = LOWEST[keras.backend.standardize_dtype(x.dtype)]
        lines = [ops.max(ops.where(inside[i][None, :, None, None], x, lowest), axis=1) for i in range(count)]
        return ops.stack(lines, axis=1)

    def _means(self, x: Any, count: int) -> Any:
        inside = ops.cast(self._windows(ops.shape(x)[1], count), x.dtype)
        return ops.einsum("oh,nhwc->nowc", inside / ops.sum(inside, axis=1, keepdims=True), x)

    def _windows(self, size: Any, count: int) -> Any:
        """Return which pixels (axis 1) of a side lie in which window (axis 0)."""
        if self.mode == "max":
            # XLA would multiply by the reciprocal of `count`, which rounds otherwise than the quotient. Rounded to
            # float32, Python's quotients of whole numbers are those of float32.
            quotients = [number / count for number in range(count + 1)]
            places = ops.convert_to_tensor(quotients, dtype="float32") * ops.cast(size, "float32")
            starts = ops.cast(ops.floor(places[:-1]), "int32")
            ends = ops.cast(ops.ceil(places[1:]), "int32")
        else:
            number = ops.arange(count, dtype="int32")
            starts, ends = number * size // count, ((number + 1) * size + count - 1) // count
        pixels = ops.arange(size, dtype="int32")
        return ops.logical_and(pixels >= starts[:, None], pixels < ends[:, None])

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape with the output's size."""
        return (input_shape[0], *self.output_size, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "output_size": self.output_size, "mode": self.mode}
