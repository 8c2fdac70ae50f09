"""Convolution with a kernel that the network computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import pair
from layers.registration import registered


@registered
class DynamicConv2D(keras.layers.Layer):
    """Convolution without padding or bias, with a kernel that the network computes: call([x, kernel]).

    For modulated convolutions (Karras et al. 2020, 1912.04958), kernels predicted from a style (Chandran et al. 2021,
    AdaConv), and patches that others are compared with (Chen and Schmidt 2016, 1612.04337). With one group of channels
    for each picture, side by side, each picture has a kernel of its own.

    Args:
        strides: int or (height, width).
        dilation_rate: int or (height, width); not both may be above 1.

    Input: `x` (batch, height, width, channels) and `kernel` (kernel height, kernel width, channels / groups, filters),
    where the shapes tell the number of groups.
    Output: (batch, rows, columns, filters).

    Raises:
        ValueError: stride and dilation are above 1, or (at the call) no groups fit the channels and filters.
    """

    def __init__(self, strides: int | Sequence[int] = 1, dilation_rate: int | Sequence[int] = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strides = pair(strides, "strides")
        self.dilation_rate = pair(dilation_rate, "dilation_rate")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(f"strides {self.strides} and dilation_rate {self.dilation_rate} are both above 1")
        self.input_spec = [keras.InputSpec(ndim=4), keras.InputSpec(ndim=4)]

    def build(self, input_shape: Sequence[Sequence[int | None]]) -> None:
        """Raise ValueError where the kernel does not fit the channels."""
        channels, kernel = input_shape[0][-1], tuple(input_shape[1])
        if channels is None or kernel[2] is None:
            return
        if channels % kernel[2] or (kernel[3] or 0) % (channels // kernel[2]):
            raise ValueError(f"DynamicConv2D: a kernel of the shape {kernel} does not fit {channels} channels")

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the convolution of `x` with `kernel`."""
        x, kernel = (ops.cast(one, self.compute_dtype) for one in inputs)
        return ops.conv(x, kernel, self.strides, data_format="channels_last", dilation_rate=self.dilation_rate)

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the shape of the output, None where a size is unknown."""
        x, kernel = input_shape
        sizes = [
            None if None in (size, side) else (size - rate * (side - 1) - 1) // stride + 1  # type: ignore[operator]
            for size, side, rate, stride in zip(x[1:3], kernel[:2], self.dilation_rate, self.strides, strict=True)
        ]
        return (x[0], *sizes, kernel[3])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "strides": self.strides, "dilation_rate": self.dilation_rate}
