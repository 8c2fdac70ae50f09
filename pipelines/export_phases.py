"""Transposed convolutions as usual ones, which LiteRT computes in half the time."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from layers import PaddedConv2DTranspose

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


def split_transposed_convolutions(model: keras.Model) -> keras.Model:
    """Return `model`, sharing its other layers, with convolutions in place of transposed ones that double the size.

    Those of generators have 3x3 kernels. Even and odd rows and columns of their result are convolutions of the input
    with one or two rows and columns of the kernel: four convolutions with as many multiplications in all, whose
    channels then become the squares of the result.

    Args:
        model: with one input and one output, Functional or Sequential.
    """

    def call(layer: keras.Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, PaddedConv2DTranspose) and DOUBLING.items() <= vars(layer).items():
            return _convolve_phases(layer, inputs)
        return layer(inputs, *args, **kwargs)

    model = keras.Model(model.inputs[0], model.outputs[0])  # a Sequential model cannot be cloned with other calls
    return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call, recursive=True)


def _convolve_phases(layer: PaddedConv2DTranspose, inputs: Any) -> Any:
    kernel = ops.convert_to_numpy(layer.kernel)
    bias = [] if layer.bias is None else [layer.bias]
    results = []
    for rows in PHASES:
        for columns in PHASES:
            part = kernel[rows][:, columns].swapaxes(2, 3)
            convolution = keras.layers.Conv2D(
                layer.filters, part.shape[:2], padding="same", use_bias=layer.use_bias, dtype=layer.dtype_policy
            )
            convolution.build(inputs.shape)
            convolution.set_weights([part, *bias])
            results.append(convolution(inputs))
    squares = ops.concatenate(results, axis=-1)
    return layer.activation(ops.depth_to_space(squares, 2, data_format="channels_last"))
