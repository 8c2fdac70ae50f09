"""Local response normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import whole_number
from layers.registration import registered
from layers.spatial import pad


@registered
class LocalResponseNormalization(keras.layers.Layer):
    """Divides by a power of the neighbours' mean square: nn.SpatialCrossMapLRN, Caffe's LRN.

    Across channels: x * (k + alpha / size * sum of x^2 over `size` channels around each)^-beta. Within a
    channel (Caffe's WITHIN_CHANNEL, which has no k): x * (1 + alpha * mean of x^2 over `size` x `size`
    pixels)^-beta. The neighbours beyond the edges count as zeros. For an even size one neighbour more stands
    before than after, as in PyTorch.

    Args:
        size: number of neighbours, in the channels or along each side.
        alpha: factor of the sum of squares.
        beta: exponent.
        k: offset, across channels.
        across_channels: across channels or within each.

    Input and output: (batch, height, width, channels). Under mixed precision the computation is float32.
    """

    def __init__(
        self,
        size: int,
        alpha: float,
        beta: float,
        k: float = 1.0,
        across_channels: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = whole_number(size, "size")
        self.alpha = alpha
        self.beta = beta
        self.k = k
        self.across_channels = across_channels
        self.input_spec = keras.InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        """Return the normalised picture."""
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        squares = ops.square(x)
        if self.across_channels:
            scale = self.k + self.alpha / self.size * self._sum_over_channels(squares)
        else:
            scale = 1.0 + self.alpha * self._mean_over_pixels(squares)
        return ops.cast(x * ops.power(scale, -self.beta), self.compute_dtype)

    @property
    def _border(self) -> tuple[int, int]:
        return self.size // 2, (self.size - 1) // 2

    def _sum_over_channels(self, squares: Any) -> Any:
        padded = ops.pad(squares, ((0, 0), (0, 0), (0, 0), self._border))
        channels = ops.shape(squares)[3]
        return sum(padded[..., start : start + channels] for start in range(self.size))

    def _mean_over_pixels(self, squares: Any) -> Any:
        padded = pad(squares, self._border, self._border)
        return ops.average_pool(padded, self.size, 1, "valid", "channels_last")

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return `input_shape`."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "size": self.size,
            "alpha": self.alpha,
            "beta": self.beta,
            "k": self.k,
            "across_channels": self.across_channels,
        }
