"""A convolution of a picture twice as large, computed at its own size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import require_simple_convolution
from layers.constant_conv2d import ConstantConv2D, convolve
from layers.registration import registered

KERNEL = 3
FACTOR = 2
# What a row of the small picture counts for the one or the other of the two rows between it and its neighbour:
# which of the kernel's three rows fall on it.
SHARES = (((1.0, 1.0, 0.0), (0.0, 0.0, 1.0)), ((1.0, 0.0, 0.0), (0.0, 1.0, 1.0)))


@registered
class UpsampledConv2D(ConstantConv2D):
    """A 3x3 convolution of the picture enlarged twice by its nearest pixels, with 4/9 of the multiplications.

    keras.layers.UpSampling2D(2), a cropping by 1 at each edge and keras.layers.Conv2D(filters, 3), of the same
    weights, in one. Odena, Dumoulin & Olah 2016 ("Deconvolution and Checkerboard Artifacts") put resizing and a
    convolution in place of transposed convolutions, whose kernels reach some pixels more often than others and so
    print a lattice on even areas. Every two equal rows and columns of the large picture meet sums of the kernel's
    entries, so that four 2x2 kernels on the small picture give the four pixels of each square: a convolution and
    keras.ops.depth_to_space, without the large picture ever being made.

    Args:
        filters: channels of the result.
        options: further arguments of keras.layers.Conv2D: `activation`, `use_bias` and the like.

    Input: (batch, height, width, channels), of at least 2x2 pixels and padded by 1 at each edge as one wants it;
    output: (batch, 2 (height - 2), 2 (width - 2), filters).

    Raises:
        ValueError: padding, strides, dilation or groups are not the usual ones.
    """

    def __init__(self, filters: int, **options: Any) -> None:
        super().__init__(filters, KERNEL, **{"data_format": "channels_last", **options})
        require_simple_convolution(self)

    def call(self, inputs: Any) -> Any:
        """Return the convolution of the enlarged `inputs`."""
        kernels = self._applied_kernel() if self._constant is None else self._constant
        bias = ops.tile(ops.convert_to_tensor(self.bias), FACTOR**2) if self.use_bias else None
        squares = convolve(inputs, kernels, bias)
        outputs = ops.depth_to_space(squares, FACTOR, data_format="channels_last")[:, 1:-1, 1:-1]
        return outputs if self.activation is None else self.activation(outputs)

    def _applied_kernel(self) -> Any:
        """Return the four kernels side by side: (2, 2, channels, 4 filters)."""
        kernel = ops.convert_to_tensor(self.kernel)
        channels, filters = kernel.shape[2:]
        # In float32 also for half precision: it has few values.
        values = ops.reshape(ops.cast(kernel, "float32"), (KERNEL**2, channels * filters))
        shared = ops.matmul(ops.convert_to_tensor(_MIXING, dtype="float32"), values)
        shared = ops.reshape(shared, (FACTOR, FACTOR, FACTOR**2, channels, filters))
        shared = ops.reshape(ops.transpose(shared, (0, 1, 3, 2, 4)), (FACTOR, FACTOR, channels, FACTOR**2 * filters))
        return ops.cast(shared, kernel.dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the result, None where a size is unknown."""
        sizes = (None if size is None else FACTOR * (size - 2) for size in input_shape[1:3])
        return (input_shape[0], *sizes, self.filters)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return shape and type of the output."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        fixed = ("kernel_size", "strides", "padding", "dilation_rate", "groups", "data_format")
        return {name: value for name, value in super().get_config().items() if name not in fixed}


def _mixing() -> list[list[float]]:
    """Return the matrix from the 9 entries of a kernel to the 16 of the four small ones.

    Rows are (row, column) of the small kernel, then (row, column) of the pixel in its square.
    """
    places = [(row, column) for row in range(FACTOR) for column in range(FACTOR)]
    return [
        [down * across for down in SHARES[i][row] for across in SHARES[j][column]]
        for row, column in places
        for i, j in places
    ]


_MIXING = _mixing()
