"""Convolutions in the forms that LiteRT and ONNX Runtime compute fastest, with the same weights and numbers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from layers import PackedConv2D, PaddedConv2DTranspose
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
        if type(layer) is PaddedConv2DTranspose and DOUBLING.items() <= vars(layer).items():
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


def split_narrow_convolutions(model: keras.Model) -> keras.Model:
    """Return `model`, sharing its other layers, with two convolutions in place of each with few filters.

    ONNX Runtime computes 16 filters in the time of one, and the 9x9 convolution with three filters at the end of a
    generator takes a fifth of its time. Here the columns of the kernel stand side by side as filters of the first
    convolution, which is one column wide; the second adds up what they give at their places, by a kernel of ones and
    zeros. (`layers.PackedConv2D`, the form for TensorFlow, needs an even size, and ONNX files take any.)

    Args:
        model: Functional or Sequential.
    """

    def call(layer: keras.Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return _convolve_columns(layer, inputs) if _is_narrow(layer) else layer(inputs, *args, **kwargs)

    return rewire(model, call)


def _is_narrow(layer: keras.Layer) -> bool:
    return isinstance(layer, PackedConv2D) and layer.kernel_size[1] > 1 and layer.quantization_mode is None


def _convolve_columns(layer: PackedConv2D, inputs: Any) -> Any:
    kernel = ops.convert_to_numpy(layer.kernel)
    rows, columns, channels, filters = kernel.shape
    beside = kernel.transpose(0, 2, 1, 3).reshape(rows, 1, channels, columns * filters)
    places = np.eye(columns * filters, dtype=kernel.dtype).reshape(1, columns, filters, columns * filters)
    sums = places.transpose(0, 1, 3, 2)
    first = _made(keras.layers.Conv2D(columns * filters, (rows, 1), use_bias=False, dtype=layer.dtype_policy), beside)
    return _convolution(layer, sums, activation=layer.activation)(first(inputs))


def _convolution(layer: keras.Layer, kernel: np.ndarray, **options: Any) -> keras.layers.Conv2D:
    """Return a convolution with this kernel and the bias of `layer`."""
    made = keras.layers.Conv2D(
        layer.filters, kernel.shape[:2], use_bias=layer.use_bias, dtype=layer.dtype_policy, **options
    )
    return _made(made, kernel, *([layer.bias] if layer.use_bias else []))


def _made(layer: keras.layers.Conv2D, kernel: np.ndarray, *bias: Any) -> keras.layers.Conv2D:
    layer.build((None, None, None, kernel.shape[2]))
    layer.set_weights([kernel, *bias])
    return layer
