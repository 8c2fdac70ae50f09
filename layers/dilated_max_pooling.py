"""Max pooling over dilated windows."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import pair
from layers.padded_max_pooling import LOWEST
from layers.pooling import PoolingWindows
from layers.registration import registered
from layers.spatial import pad


@registered
class DilatedMaxPooling2D(keras.layers.Layer):
    """The maximum of every `dilation_rate`-th pixel of each window: nn.SpatialDilatedMaxPooling.

    Args:
        pool_size: int or (height, width).
        strides: int or (height, width); None for `pool_size`.
        padding: int or (height, width), of pixels that never win.
        dilation_rate: int or (height, width).
        ceil_mode: whether a last, partial window counts. One that would start beyond the picture (and the
            padding before it) is dropped where there is any padding.

    Input: (batch, height, width, channels); output: (batch, windows, windows, channels).
    """

    def __init__(
        self,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        dilation_rate: int | Sequence[int] = 1,
        ceil_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else pair(strides, "strides")
        self.padding = pair(padding, "padding", minimum=0)
        self.dilation_rate = pair(dilation_rate, "dilation_rate")
        self.ceil_mode = ceil_mode
        (height, width), (down, right), (rows, columns) = self.pool_size, self.dilation_rate, self.padding
        extent = (down * (height - 1) + 1, right * (width - 1) + 1)
        sides = ((rows, rows), (columns, columns))
        self.windows = PoolingWindows(extent, self.strides, sides, ceil_mode)
        self.input_spec = keras.InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        """Return the maxima."""
        self.windows.output_shape(inputs.shape)
        inputs = ops.cast(inputs, self.compute_dtype)  # Keras casts no integers
        lowest = LOWEST[keras.backend.standardize_dtype(inputs.dtype)]
        rows, columns = self.windows.counts(ops.shape(inputs))
        above, before = ((side, side + step - 1) for side, step in zip(self.padding, self.strides, strict=True))
        padded = pad(inputs, above, before, lowest)
        (height, width), (down, right) = self.pool_size, self.dilation_rate
        corners = [(i * down, j * right) for i in range(height) for j in range(width)]
        planes = (self._plane(padded, top, left, rows, columns) for top, left in corners)
        return functools.reduce(ops.maximum, planes)

    def _plane(self, padded: Any, top: int, left: int, rows: Any, columns: Any) -> Any:
        down, right = self.strides
        bottom, end = top + (rows - 1) * down + 1, left + (columns - 1) * right + 1
        return padded[:, top:bottom:down, left:end:right, :]

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the pooled picture, None where a size is unknown."""
        return self.windows.output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "ceil_mode": self.ceil_mode,
        }
