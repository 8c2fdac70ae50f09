"""Convolutions with few filters, computed for squares of pixels at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import keras
from keras import ops

from layers import native
from layers.arguments import pair, require_simple_convolution
from layers.constant_conv2d import ConstantConv2D, as_constant, convolve
from layers.registration import registered

# Side of the squares. Processors' kernels compute 16 filters in the time of one: with more than MAX_FILTERS in each
# pixel of a square nothing would be gained.
SIDE = 2
MAX_FILTERS = 4


def conv2d(
    filters: int,
    kernel_size: int | Sequence[int],
    *,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    dilation_rate: int | Sequence[int] = 1,
    groups: int = 1,
    **options: Any,
) -> keras.layers.Conv2D:
    """Return the keras.layers.Conv2D with these arguments, a PackedConv2D where that is quicker."""
    single_steps = pair(strides, "strides") == pair(dilation_rate, "dilation_rate") == (1, 1)
    few = filters <= MAX_FILTERS and max(pair(kernel_size, "kernel_size")) > 1
    packed = few and single_steps and padding == "valid" and groups == 1
    return (PackedConv2D if packed else keras.layers.Conv2D)(
        filters, kernel_size, strides=strides, padding=padding, dilation_rate=dilation_rate, groups=groups, **options
    )


@registered
class PackedConv2D(ConstantConv2D):
    """keras.layers.Conv2D with stride 1 and no padding for few filters: the same weights, the same numbers, faster.

    Such a convolution ends most generators: 3 filters, for which a processor computes 16. Here the shifted filters
    of the four pixels of a square stand side by side in a kernel that is one row and one column larger and moves by
    two pixels; its channels then become the square's pixels. A picture with an odd side is convolved as usual.

    Args:
        arguments: those of keras.layers.Conv2D.

    Raises:
        ValueError: padding, strides, dilation or groups are not the usual ones.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        require_simple_convolution(self)
        self._constant_of_squares: Any = None

    def freeze(self, *, in_volumes: bool = True) -> None:
        """Make constants of the kernels, which must not change any more (see ConstantConv2D)."""
        super().freeze(in_volumes=in_volumes)
        self._constant_of_squares = as_constant(self._kernel_of_squares(), in_volumes=in_volumes)

    def call(self, inputs: Any) -> Any:
        """Return the convolution of `inputs` (batch, height, width, channels)."""
        sizes = [size - side + 1 for size, side in zip(ops.shape(inputs)[1:3], self.kernel_size, strict=True)]
        even = [size % SIDE == 0 for size in sizes]
        if all(isinstance(one, bool) for one in even):
            return self._packed(inputs) if all(even) else super().call(inputs)
        plain = super().call  # not to be had inside the function
        return native.choose(ops.logical_and(*even), lambda: self._packed(inputs), lambda: plain(inputs))

    def _packed(self, inputs: Any) -> Any:
        kernel = self._kernel_of_squares() if self._constant_of_squares is None else self._constant_of_squares
        bias = ops.tile(ops.convert_to_tensor(self.bias), SIDE**2) if self.use_bias else None
        squares = convolve(inputs, kernel, bias, strides=SIDE)
        outputs = ops.depth_to_space(squares, SIDE, data_format="channels_last")
        return outputs if self.activation is None else self.activation(outputs)

    def _kernel_of_squares(self) -> Any:
        """Return the shifted kernels side by side, one row and one column larger: (..., channels, 4 filters)."""
        kernel = ops.convert_to_tensor(self.kernel)
        shifted = [
            ops.pad(kernel, ((row, SIDE - 1 - row), (column, SIDE - 1 - column), (0, 0), (0, 0)))
            for row, column in product(range(SIDE), repeat=2)
        ]
        return ops.concatenate(shifted, axis=-1)
