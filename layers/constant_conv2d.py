"""Convolutions whose kernels are constants of the graphs that they are part of."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from layers.registration import registered


@registered
class ConstantConv2D(keras.layers.Conv2D):
    """A keras.layers.Conv2D whose kernel becomes a constant: the same weights, faster.

    oneDNN, with which TensorFlow computes convolutions on a processor, arranges a constant kernel once, in the order
    that its quickest way needs. A variable's kernel takes the general way, which on processors without AVX-512 is
    three times as slow.

    Args:
        arguments: those of keras.layers.Conv2D.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._constant: Any = None

    def freeze(self) -> None:
        """Make a constant of the kernel, which must not change any more."""
        self.trainable = False
        self._constant = ops.convert_to_numpy(self._applied_kernel())

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Return the convolution of `inputs` without the bias, by the constant once there is one."""
        return super().convolution_op(inputs, kernel if self._constant is None else self._constant)

    def _applied_kernel(self) -> Any:
        """Return what the inputs are convolved with."""
        return self.kernel
