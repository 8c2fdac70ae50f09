"""Convolutions whose connections between planes, or whose weights at each place, are listed."""

from __future__ import annotations

import keras
import numpy as np
from keras import KerasTensor

from convert.torch7.context import Context
from convert.torch7.converters.spatial.convolutions import apply_transposed, convolve
from convert.torch7.converters.spatial.geometry import module_sizes, pad_or_crop, window
from convert.torch7.module import Module
from convert.torch7.registry import converts
from layers import LocallyConnected2D

MAX_WEIGHTS = 2**26


@converts("nn.SpatialConvolutionMap", sample=3)
def convolution_map(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution with the pairs (input plane, output plane) of a table."""
    return convolve(module, x, context, _dense_kernel(module).transpose(2, 3, 0, 1))


@converts("nn.SpatialFullConvolutionMap", sample=3)
def full_convolution_map(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Transposed convolution with the pairs (input plane, output plane) of a table."""
    return apply_transposed(module, x, context, _dense_kernel(module).transpose(2, 3, 1, 0), module.array("bias"))


def _dense_kernel(module: Module) -> np.ndarray:
    """Return the kernel (input, output, height, width), zero where the table has no pair."""
    module.ignore("connTable", "connTableRev")
    table = _connections(module)
    weight = module.required_array("weight")
    size, _ = window(module, stride_default=1)
    if weight.size != len(table) * size[0] * size[1]:
        raise module.fail(f"weight of shape {weight.shape} for {len(table)} connections")
    planes = max(module.integer("nInputPlane", 1, low=1), int(table[:, 0].max()) + 1)
    filters = module.required_array("bias").size
    if planes * filters * size[0] * size[1] > MAX_WEIGHTS or table[:, 1].max() >= filters:
        raise module.fail(f"connections from {planes} to {filters} planes, to number {int(table[:, 1].max()) + 1}")
    kernel = np.zeros((planes, filters, *size), np.float32)
    np.add.at(kernel, (table[:, 0], table[:, 1]), weight.reshape(-1, *size))
    return kernel


def _connections(module: Module) -> np.ndarray:
    """Return the pairs of planes, counted from 0."""
    table = module.required_array("connTable")
    if table.ndim != 2 or table.shape[1] != 2 or table.min() < 1 or table.max() > 2**16:
        raise module.fail(f"field connTable of shape {table.shape} is not a list of pairs")
    return table.astype(int) - 1


@converts("nn.SpatialConvolutionLocal", sample=3)
def local_convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution with weights of its own at each place: (oH, oW, output, input, kH, kW)."""
    (height, down, rows), (width, right, columns) = module_sizes(module, 2)
    weight, bias = module.required_array("weight"), module.array("bias")
    places = module.integer("oH", low=1), module.integer("oW", low=1)
    filters, channels = module.integer("nOutputPlane", low=1), module.integer("nInputPlane", low=1)
    weight = weight.reshape(*places, filters, channels, height, width).transpose(0, 1, 4, 5, 3, 2)
    context.expect_channels(module, x, channels)
    x = pad_or_crop(x, ((rows, rows), (columns, columns)), keras.layers.ZeroPadding2D)
    kernel = weight.reshape(*places, height * width * channels, filters)

    def make() -> keras.Layer:
        return LocallyConnected2D(filters, (height, width), places, strides=(down, right), use_bias=bias is not None)

    bias = None if bias is None else bias.reshape(filters, *places).transpose(1, 2, 0)
    return context.apply(module, x, make, [np.ascontiguousarray(kernel), bias])
