"""Locally connected convolution: different weights at each position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import pair, whole_number
from layers.registration import registered


@registered
class LocallyConnected2D(keras.layers.Layer):
    """A convolution without padding whose weights differ from place to place: nn.SpatialConvolutionLocal.

    Args:
        filters: number of output channels.
        kernel_size: int or (height, width).
        output_size: (height, width) of the output, which the input's size must lead to.
        strides: int or (height, width).
        use_bias: whether there is a bias, one for each place and channel.

    Weights: `kernel` (output height, output width, kernel height x kernel width x channels, filters) and `bias`
    (output height, output width, filters). Input: (batch, height, width, channels).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        output_size: Sequence[int],
        strides: int | Sequence[int] = 1,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = whole_number(filters, "filters")
        self.kernel_size = pair(kernel_size, "kernel_size")
        self.output_size = pair(output_size, "output_size")
        self.strides = pair(strides, "strides")
        self.use_bias = use_bias
        self.bias = None
        self.input_spec = keras.InputSpec(ndim=4)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights; ValueError where the number of channels is unknown."""
        (height, width), channels = self.kernel_size, input_shape[-1]
        if channels is None:
            raise ValueError(f"LocallyConnected2D {self.name!r}: the input's channels must be known")
        shape = (*self.output_size, height * width * channels, self.filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="glorot_uniform")
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(*self.output_size, self.filters), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        """Return the convolution."""
        self.compute_output_shape(inputs.shape)
        (height, width), (down, right), (rows, columns) = self.kernel_size, self.strides, self.output_size
        patches = [
            inputs[:, i : i + (rows - 1) * down + 1 : down, j : j + (columns - 1) * right + 1 : right]
            for i in range(height)
            for j in range(width)
        ]
        outputs = ops.einsum("nhwp,hwpf->nhwf", ops.concatenate(patches, axis=-1), self.kernel)
        return outputs if self.bias is None else outputs + self.bias

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the batch with `output_size` and `filters`.

        Raises:
            ValueError: the picture has a size that leads to another output.
        """
        for axis, size in enumerate(input_shape[1:3]):
            places = None if size is None else (size - self.kernel_size[axis]) // self.strides[axis] + 1
            if places not in (None, self.output_size[axis]):
                raise ValueError(
                    f"LocallyConnected2D {self.name!r}: height and width {tuple(input_shape[1:3])} do not lead to "
                    f"output_size {self.output_size}"
                )
        return (input_shape[0], *self.output_size, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "output_size": self.output_size,
            "strides": self.strides,
            "use_bias": self.use_bias,
        }
