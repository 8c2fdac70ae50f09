"""Max pooling by Torch's and Caffe's rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.padded_pooling import PaddedPooling2D
from layers.registration import registered

# The largest negative numbers: padding that never wins, and what Torch7 and Caffe return for an empty window.
LOWEST = {
    "float16": -65504.0,
    "bfloat16": -3.3895313892515355e38,
    "float32": -3.4028234663852886e38,
    "float64": -1.7976931348623157e308,
}


@registered
class PaddedMaxPooling2D(PaddedPooling2D):
    """The maximum of each window, with padding that never wins: nn.SpatialMaxPooling, Caffe's MAX.

    Args:
        pool_size: int or (height, width).
        strides: int or (height, width); None for `pool_size`.
        padding: int, (height, width) or ((top, bottom), (left, right)).
        ceil_mode: whether a last, partial window counts. One that would start beyond the picture (and the
            padding before it) is dropped where there is any padding.
        return_indices: also return where in its window each (first) maximum stands, as MaxUnpooling2D wants
            it: an int32 tensor, counting the window's positions row by row from 0 to height * width - 1.

    Input: (batch, height, width, channels); output: (batch, windows, windows, channels), or two of them.
    """

    def __init__(
        self,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None = None,
        padding: int | Sequence[int] | Sequence[Sequence[int]] = 0,
        ceil_mode: bool = False,
        return_indices: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, ceil_mode, **kwargs)
        self.return_indices = return_indices

    def call(self, inputs: Any) -> Any:
        """Return the maxima, or (maxima, indices)."""
        self.windows.output_shape(inputs.shape)
        inputs = ops.cast(inputs, self.compute_dtype)  # Keras casts no integers
        lowest = LOWEST[keras.backend.standardize_dtype(inputs.dtype)]
        padded = self.windows.pad(inputs, lowest)
        pooled = ops.max_pool(padded, self.pool_size, self.strides, "valid", "channels_last")
        pooled = self.windows.crop(pooled, ops.shape(inputs))
        return (pooled, self._indices(padded, pooled)) if self.return_indices else pooled

    def _indices(self, padded: Any, pooled: Any) -> Any:
        indices = ops.zeros_like(pooled, dtype="int32")
        for number, row, column in reversed(list(self.windows.offsets())):
            values = self._window_values(padded, ops.shape(pooled), row, column)
            indices = ops.where(ops.equal(values, pooled), number, indices)
        return indices

    def _window_values(self, padded: Any, shape: Sequence[Any], row: int, column: int) -> Any:
        down, right = self.strides
        bottom, end = row + (shape[1] - 1) * down + 1, column + (shape[2] - 1) * right + 1
        return padded[:, row:bottom:down, column:end:right, :]

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Any:
        """Return the shape of the maxima, or twice the same with `return_indices`."""
        shape = self.windows.output_shape(input_shape)
        return (shape, shape) if self.return_indices else shape

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return what comes out: the maxima in the compute dtype, the indices as int32."""
        shape = self.windows.output_shape(inputs.shape)
        pooled = keras.KerasTensor(shape, dtype=self.compute_dtype)
        return (pooled, keras.KerasTensor(shape, dtype="int32")) if self.return_indices else pooled

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "return_indices": self.return_indices}
