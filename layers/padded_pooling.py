"""The common part of the poolings by Torch's and Caffe's rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from layers.arguments import border, pair
from layers.pooling import PoolingWindows


class PaddedPooling2D(keras.layers.Layer):
    """The windows of a pooling, and the arguments that its two kinds share and explain."""

    def __init__(
        self,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None = None,
        padding: int | Sequence[int] | Sequence[Sequence[int]] = 0,
        ceil_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else pair(strides, "strides")
        self.padding = border(padding)
        self.ceil_mode = ceil_mode
        self.windows = PoolingWindows(self.pool_size, self.strides, self.padding, ceil_mode)
        self.input_spec = keras.InputSpec(ndim=4)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Any:
        """Return the shape of the pooled picture, None where a size is unknown."""
        return self.windows.output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "ceil_mode": self.ceil_mode,
        }
