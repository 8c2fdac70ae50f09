"""Convolutions in the forms that LiteRT computes fastest, with the same weights and numbers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from layers import PaddedConv2DTranspose
from layers.arguments import is_simple_convolution
from model.rewiring import rewire

# The kernel's rows (or columns) that meet in an even and in an odd row of a result of twice the size, in the order of
# the input's rows under them.
PHASES = ([1], [2, 0])
DOUBLING = {
    "kernel_size": (3, 3),
    "strides": (2, 2),
    "padding": ((1, 1), (1, 1)),
    "output_padding": (1, 1),
    "dilation_rate": (1, 1),
    "groups": 1,
}
# LiteRT's kernels take a pixel's channels at a time; with three they spend most of it on getting there.
MAX_PICTURE_CHANNELS = 3
SHIFTS = 3


def rewrite_convolutions(model: keras.Model) -> keras.Model:
    """Return `model`, sharing its other layers, with other forms of two kinds of convolutions.

    Transposed ones that double the size, with a 3x3 kernel as generators have them: even and odd rows and columns of
    the result are convolutions of the input with one or two rows and columns of the kernel. These are four
    convolutions with as many multiplications in all, whose channels then become the squares of the result.

    Those of pictures, as at the start of a generator: a pixel and its next two become one of nine channels, under a
    kernel with a third of the columns, which takes every third pixel.

    Args:
        model: Functional or Sequential.
    """

    def call(layer: keras.Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, PaddedConv2DTranspose) and DOUBLING.items() <= vars(layer).items():
            return _convolve_phases(layer, inputs)
        if _takes_pictures(layer):
            return _convolve_shifted(layer, inputs)
        return layer(inputs, *args, **kwargs)

    return rewire(model, call)


def _convolve_phases(layer: PaddedConv2DTranspose, inputs: Any) -> Any:
    kernel = ops.convert_to_numpy(layer.kernel)
    results = []
    for rows in PHASES:
        for columns in PHASES:
            part = kernel[rows][:, columns].swapaxes(2, 3)
            results.append(_convolution(layer, part, padding="same")(inputs))
    squares = ops.concatenate(results, axis=-1)
    return layer.activation(ops.depth_to_space(squares, 2, data_format="channels_last"))


def _takes_pictures(layer: keras.Layer) -> bool:
    return (
        type(layer) is keras.layers.Conv2D
        and is_simple_convolution(layer)
        and layer.kernel.shape[2] <= MAX_PICTURE_CHANNELS
        and layer.kernel_size[1] % SHIFTS == 0
        and layer.quantization_mode is None
    )


def _convolve_shifted(layer: keras.layers.Conv2D, inputs: Any) -> Any:
    shifted = [inputs[:, :, shift : shift - SHIFTS + 1 or None] for shift in range(SHIFTS)]
    kernel = ops.convert_to_numpy(layer.kernel)
    rows, columns, channels, filters = kernel.shape
    kernel = kernel.reshape(rows, columns // SHIFTS, SHIFTS * channels, filters)
    convolution = _convolution(layer, kernel, dilation_rate=(1, SHIFTS), activation=layer.activation)
    return convolution(ops.concatenate(shifted, axis=-1))


def _convolution(layer: keras.Layer, kernel: np.ndarray, **options: Any) -> keras.layers.Conv2D:
    """Return a convolution with this kernel and the bias of `layer`."""
    made = keras.layers.Conv2D(
        layer.filters, kernel.shape[:2], use_bias=layer.use_bias, dtype=layer.dtype_policy, **options
    )
    made.build((None, None, None, kernel.shape[2]))
    made.set_weights([kernel, *([layer.bias] if layer.use_bias else [])])
    return made
