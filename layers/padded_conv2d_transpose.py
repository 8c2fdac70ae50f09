"""Transposed convolution with Torch's sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import pair


@keras.saving.register_keras_serializable(package="texture_nets")
class PaddedConv2DTranspose(keras.layers.Layer):
    """Transposed convolution with explicit padding: nn.SpatialFullConvolution, Caffe's Deconvolution.

    The output's height is (height - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding, the
    width likewise.

    Args:
        filters: number of output channels.
        kernel_size: int or (height, width).
        strides: int or (height, width).
        padding: rows and columns cut off at both sides, int or (height, width).
        output_padding: rows and columns added at bottom and right (Torch7's adj), int or (height, width).
        dilation_rate: int or (height, width).
        groups: number of groups of channels that are convolved apart.
        use_bias: whether there is a bias.
        activation: name of an activation, or a function.

    Weights: `kernel` of shape (kernel height, kernel width, filters / groups, input channels) as in
    keras.layers.Conv2DTranspose, and `bias` (filters,).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        use_bias: bool = True,
        activation: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = pair(kernel_size, "kernel_size")
        self.strides = pair(strides, "strides")
        self.padding = pair(padding, "padding", minimum=0)
        self.output_padding = pair(output_padding, "output_padding", minimum=0)
        self.dilation_rate = pair(dilation_rate, "dilation_rate")
        self.groups = groups
        self.use_bias = use_bias
        self.activation = keras.activations.get(activation)
        self.bias = None
        if filters < 1 or groups < 1 or filters % groups:
            raise ValueError(f"filters must be a positive multiple of groups, not {filters} of {groups}")

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights."""
        channels = input_shape[-1]
        if channels is None or channels % self.groups:
            raise ValueError(
                f"the input's channels must be known and a multiple of {self.groups}, not {channels}"
            )
        self.input_spec = keras.InputSpec(ndim=4, axes={-1: channels})
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, self.filters // self.groups, channels),
            initializer="glorot_uniform",
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        """Return the transposed convolution of `inputs`."""
        kernel = self._dilated(ops.convert_to_tensor(self.kernel))
        groups = zip(
            ops.split(inputs, self.groups, axis=-1), ops.split(kernel, self.groups, axis=-1), strict=True
        )
        outputs = [
            self._fit(ops.conv_transpose(x, k, self.strides, "valid"), ops.shape(x)) for x, k in groups
        ]
        outputs = ops.concatenate(outputs, axis=-1) if self.groups > 1 else outputs[0]
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def _dilated(self, kernel: Any) -> Any:
        """Return the kernel with zeros between its elements: no backend dilates where it strides."""
        for axis, rate in enumerate(self.dilation_rate):
            if rate > 1:
                kernel = self._dilated_along(kernel, axis, rate)
        return kernel

    @staticmethod
    def _dilated_along(kernel: Any, axis: int, rate: int) -> Any:
        shape = list(kernel.shape)
        zeros = [(0, 0)] * (len(shape) + 1)
        zeros[axis + 1] = (0, rate - 1)
        spread = ops.pad(ops.expand_dims(kernel, axis + 1), zeros)
        shape[axis] *= rate
        spread = ops.reshape(spread, shape)
        last = shape[axis] - rate + 1
        return spread[:last] if axis == 0 else spread[:, :last]

    def _fit(self, full: Any, shape: Sequence[Any]) -> Any:
        """Cut the padding off, and add the zeros that are missing where output_padding exceeds it."""
        ends = [self._output_size(shape[axis + 1], axis) + self.padding[axis] for axis in (0, 1)]
        (top, left), (bottom, right) = self.padding, ends
        missing = [max(0, extra) for extra in self._missing()]
        if any(missing):
            full = ops.pad(full, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)))
        return full[:, top:bottom, left:right, :]

    def _missing(self) -> list[int]:
        """Return how many rows and columns the wanted output reaches beyond the unpadded one."""
        return [
            self._extent(axis)
            - self.padding[axis]
            + self.output_padding[axis]
            - max(self._extent(axis), self.strides[axis])
            for axis in (0, 1)
        ]

    def _extent(self, axis: int) -> int:
        return self.dilation_rate[axis] * (self.kernel_size[axis] - 1) + 1

    def _output_size(self, size: Any, axis: int) -> Any:
        if size is None:
            return None
        grown = (size - 1) * self.strides[axis] + self._extent(axis)
        return grown - 2 * self.padding[axis] + self.output_padding[axis]

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the output, None where a size is unknown."""
        sizes = (self._output_size(input_shape[axis + 1], axis) for axis in (0, 1))
        return (input_shape[0], *sizes, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "output_padding": self.output_padding,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "use_bias": self.use_bias,
            "activation": keras.activations.serialize(self.activation),
        }
