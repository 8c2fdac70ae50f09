"""Convolutions whose kernels are constants of the graphs that they are part of."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from layers.arguments import pair
from layers.registration import registered


@registered
class ConstantConv2D(keras.layers.Conv2D):
    """A keras.layers.Conv2D whose kernel becomes a constant: the same weights, faster.

    oneDNN, with which TensorFlow computes convolutions on a processor, arranges a constant kernel once, in the order
    that its quickest way needs. A variable's kernel takes the general way, which on processors without AVX-512 is
    three times as slow. Before `freeze` it is keras.layers.Conv2D.

    Args:
        arguments: those of keras.layers.Conv2D.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._constant: Any = None

    def freeze(self, *, in_volumes: bool = True) -> None:
        """Make a constant of the kernel, which must not change any more.

        Args:
            in_volumes: see `as_constant`.

        Raises:
            ValueError: the layer has dilation or groups, or its channels first.
        """
        if not may_be_constant(self):
            raise ValueError(
                f"{self.name!r} has dilation or groups, or its channels first: its kernel stays a variable"
            )
        self.trainable = False
        self._constant = as_constant(self._applied_kernel(), in_volumes=in_volumes)

    def call(self, inputs: Any) -> Any:
        """Return the convolution of `inputs` (batch, height, width, channels)."""
        if self._constant is None:
            return super().call(inputs)
        bias = self.bias if self.use_bias else None
        outputs = convolve(inputs, self._constant, bias, strides=self.strides, padding=self.padding)
        return outputs if self.activation is None else self.activation(outputs)

    def _applied_kernel(self) -> Any:
        """Return what the inputs are convolved with."""
        return self.kernel


def may_be_constant(layer: keras.layers.Conv2D) -> bool:
    """Say whether `convolve` can compute a convolution: it has no dilation and one group, channels last."""
    return (layer.dilation_rate, layer.groups, layer.data_format) == ((1, 1), 1, "channels_last")


def as_constant(kernel: Any, *, in_volumes: bool) -> Any:
    """Return the values of `kernel` as `convolve` wants a constant.

    TensorFlow keeps the ways that it chose for convolutions, thread by thread, and finds them again by their sizes,
    without regard to whether the kernel is a constant. So which of two came first would decide on the time of both and
    on their rounding. As convolutions of volumes one pixel deep those of constants are a kind of their own.

    Args:
        kernel: (rows, columns, channels, filters).
        in_volumes: make it (1, rows, ...), a kernel of such volumes. Processes with no other convolutions need that
            not, and GPUs compute pictures quicker.
    """
    values = ops.convert_to_numpy(kernel)
    return values[None] if in_volumes else values


def convolve(inputs: Any, kernel: Any, bias: Any = None, *, strides: Any = 1, padding: str = "valid") -> Any:
    """Return the convolution of `inputs` (batch, height, width, channels), plus `bias`.

    Args:
        inputs: pictures.
        kernel: (rows, columns, channels, filters), or `as_constant` of that.
        bias: (filters,), or None for none.
        strides: as in keras.ops.conv.
        padding: "valid" or "same".
    """
    in_volumes = len(kernel.shape) == 5
    steps: tuple[int, ...] = pair(strides, "strides")
    if in_volumes:
        inputs, steps = ops.expand_dims(inputs, 1), (1, *steps)
    outputs = ops.conv(inputs, kernel, strides=steps, padding=padding, data_format="channels_last")
    if bias is not None:  # before anything else: then runtimes make it part of the convolution
        outputs = outputs + bias
    return ops.squeeze(outputs, 1) if in_volumes else outputs
