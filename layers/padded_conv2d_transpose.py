"""Transposed convolution with Torch's sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import border, pair
from layers.registration import registered
from layers.spatial import crop, pad


@registered
class PaddedConv2DTranspose(keras.layers.Layer):
    """Transposed convolution with explicit padding: nn.SpatialFullConvolution, Caffe's Deconvolution.

    The output's height is (height - 1) * stride - top - bottom + dilation * (kernel - 1) + 1 + output_padding,
    the width likewise.

    Args:
        filters: number of output channels.
        kernel_size: int or (height, width).
        strides: int or (height, width).
        padding: what is cut off around the full result: int, (height, width) or ((top, bottom), (left, right)).
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
        padding: int | Sequence[int] | Sequence[Sequence[int]] = 0,
        output_padding: int | Sequence[int] = 0,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        use_bias: bool = True,
        activation: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if filters < 1 or groups < 1 or filters % groups:
            raise ValueError(f"filters must be a positive multiple of groups, not {filters} of {groups}")
        self.filters = filters
        self.kernel_size = pair(kernel_size, "kernel_size")
        self.strides = pair(strides, "strides")
        self.padding = border(padding)
        self.output_padding = pair(output_padding, "output_padding", minimum=0)
        self.dilation_rate = pair(dilation_rate, "dilation_rate")
        self.groups = groups
        self.use_bias = use_bias
        self.activation = keras.activations.get(activation)
        self.bias = None

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights; ValueError where the number of channels is unknown or no multiple of the groups."""
        channels = input_shape[-1]
        if channels is None or channels % self.groups:
            raise ValueError(
                f"PaddedConv2DTranspose {self.name!r}: the input's channels must be known and a multiple of "
                f"groups ({self.groups}), not {channels}"
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
        self.compute_output_shape(inputs.shape)
        kernel = self._dilated(ops.convert_to_tensor(self.kernel))
        outputs = self._fit(self._convolve(inputs, kernel), ops.shape(inputs))
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def _convolve(self, inputs: Any, kernel: Any) -> Any:
        """Return the full result, before anything is cut off."""
        if self.groups > 1:
            return self._convolve_groups(inputs, kernel)
        # A kernel below its stride is grown by zeros: ONNX has no operator for one.
        gaps = [(0, max(0, stride - self._extent(axis))) for axis, stride in enumerate(self.strides)]
        if any(gap for _, gap in gaps):
            kernel = ops.pad(kernel, [*gaps, (0, 0), (0, 0)])
        return ops.conv_transpose(inputs, kernel, self.strides, data_format="channels_last")

    def _convolve_groups(self, inputs: Any, kernel: Any) -> Any:
        """Return the full result as a convolution in groups over the input with zeros between its pixels.

        One transposed convolution for each group would make graphs of thousands of operations.
        """
        for axis, stride in enumerate(self.strides):
            inputs = _spread(inputs, axis + 1, stride)
        extents = [self._extent(axis) for axis in (0, 1)]
        rows, columns = ((e - 1, max(e, stride) - stride) for e, stride in zip(extents, self.strides, strict=True))
        inputs = pad(inputs, rows, columns)
        height, width, filters, channels = kernel.shape
        parts = ops.reshape(ops.flip(kernel, axis=(0, 1)), (height, width, filters, self.groups, -1))
        if channels == self.groups:
            kernel = ops.transpose(parts[..., 0], (0, 1, 3, 2))
            return ops.depthwise_conv(inputs, kernel, data_format="channels_last")
        kernel = ops.reshape(ops.transpose(parts, (0, 1, 4, 3, 2)), (height, width, -1, self.filters))
        return ops.conv(inputs, kernel, data_format="channels_last")

    def _dilated(self, kernel: Any) -> Any:
        """Return the kernel with zeros between its elements: not every backend dilates where it strides."""
        for axis, rate in enumerate(self.dilation_rate):
            if rate > 1:
                kernel = self._dilated_along(kernel, axis, rate)
        return kernel

    def _dilated_along(self, kernel: Any, axis: int, rate: int) -> Any:
        shape = list(kernel.shape)
        zeros = [(0, 0)] * 5
        zeros[axis + 1] = (0, rate - 1)
        spread = ops.pad(ops.expand_dims(kernel, axis + 1), zeros)
        spread = ops.reshape(spread, [*shape[:axis], shape[axis] * rate, *shape[axis + 1 :]])
        shape[axis] = self._extent(axis)
        return ops.slice(spread, (0, 0, 0, 0), shape)

    def _extent(self, axis: int) -> int:
        return self.dilation_rate[axis] * (self.kernel_size[axis] - 1) + 1

    def _fit(self, full: Any, shape: Sequence[Any]) -> Any:
        """Cut the padding off; where output_padding reaches beyond the full result, add zeros first."""
        rows, columns = (max(0, self._missing(axis)) for axis in (0, 1))
        (top, _), (left, _) = self.padding
        height, width = (self._output_size(shape[axis + 1], axis) for axis in (0, 1))
        return crop(pad(full, (0, rows), (0, columns)), top, left, height, width)

    def _missing(self, axis: int) -> int:
        """Return by how much the wanted output reaches beyond the full result of keras.ops.conv_transpose.

        That is (size - 1) * stride + the larger of extent and stride long.
        """
        extent = self._extent(axis)
        end = extent - self.padding[axis][1] + self.output_padding[axis]
        return end - max(extent, self.strides[axis])

    def _output_size(self, size: Any, axis: int) -> Any:
        if size is None:
            return None
        grown = (size - 1) * self.strides[axis] + self._extent(axis) + self.output_padding[axis]
        return grown - sum(self.padding[axis])

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the output, None where a size is unknown.

        Raises:
            ValueError: the padding cuts everything off.
        """
        sizes = [self._output_size(input_shape[axis + 1], axis) for axis in (0, 1)]
        if any(size is not None and size < 1 for size in sizes):
            raise ValueError(
                f"PaddedConv2DTranspose {self.name!r}: nothing is left of an input of height and width "
                f"{tuple(input_shape[1:3])}: the output would be {tuple(sizes)}"
            )
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


def _spread(x: Any, axis: int, stride: int) -> Any:
    """Return a tensor of rank 4 with stride - 1 zeros after each of its elements along an axis."""
    if stride == 1:
        return x
    widths = [(0, 0)] * 5
    widths[axis + 1] = (0, stride - 1)
    sizes = list(ops.shape(x))
    sizes[axis] = sizes[axis] * stride
    return ops.reshape(ops.pad(ops.expand_dims(x, axis + 1), widths), sizes)
