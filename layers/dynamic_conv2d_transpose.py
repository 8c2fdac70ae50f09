"""Transposed convolution with a kernel that the network computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.padded_conv2d_transpose import PaddedConv2DTranspose
from layers.registration import registered


@registered
class DynamicConv2DTranspose(PaddedConv2DTranspose):
    """Transposed convolution as PaddedConv2DTranspose, with a kernel that the network computes: call([x, kernel]).

    For modulated convolutions (Karras et al. 2020, 1912.04958) and patches that are put in the places of others (Chen
    and Schmidt 2016, 1612.04337).

    Args:
        filters, kernel_size, strides, padding, output_padding, dilation_rate, groups: as for PaddedConv2DTranspose.

    Input: `x` (batch, height, width, channels) and `kernel` (kernel height, kernel width, filters / groups, channels).
    Output: as that of PaddedConv2DTranspose, without a bias.
    """

    def __init__(self, filters: int, kernel_size: int | Sequence[int], **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, **{**kwargs, "use_bias": False})

    def build(self, input_shape: Sequence[Any]) -> None:
        """Raise ValueError where the kernel does not fit."""
        wanted = (*self.kernel_size, self.filters // self.groups)
        if any(size not in (None, fit) for size, fit in zip(input_shape[1], wanted, strict=False)):
            raise ValueError(
                f"DynamicConv2DTranspose: the kernel must have the shape {(*wanted, None)}, not {tuple(input_shape[1])}"
            )
        self.input_spec = [keras.InputSpec(ndim=4), keras.InputSpec(ndim=4)]

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the transposed convolution of `x` with `kernel`."""
        x, kernel = (ops.cast(one, self.compute_dtype) for one in inputs)
        kernel = ops.reshape(kernel, (*self.kernel_size, self.filters // self.groups, -1))  # its sizes may be unknown
        return self._fit(self._convolve(x, self._dilated(kernel)), ops.shape(x))

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[int | None, ...]:
        """Return the shape of the output, None where a size is unknown."""
        return super().compute_output_shape(input_shape[0])
