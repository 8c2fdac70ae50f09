"""Convolutions and poolings of volumes (time, height, width).

Poolings of volumes are poolings of their pictures and then along time: maxima, sums and the sizes of windows are.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import KerasTensor

from convert.torch7.context import Context
from convert.torch7.converters.spatial.convolutions import planes, target_adjustment
from convert.torch7.converters.spatial.geometry import MAX_KERNEL, module_sizes
from convert.torch7.converters.spatial.pooling import ceil_mode, counts_padding
from convert.torch7.module import Module
from convert.torch7.pooling_ties import pooling_keys
from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Cell, Value, samples
from convert.volumes import along_time, over_pictures, with_ends
from layers import (
    DilatedMaxPooling2D,
    ElementwiseAffine,
    FoldAxes,
    MaxUnpooling2D,
    PaddedAveragePooling2D,
    PaddedMaxPooling2D,
    UnfoldAxes,
)

MAX_WEIGHTS = 2**26
Triple = tuple[int, int, int]


@converts("nn.VolumetricConvolution", "cudnn.VolumetricConvolution", sample=4)
def convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution over time, height and width."""
    return _convolve(module, x, context, (1, 1, 1))


@converts("nn.VolumetricDilatedConvolution", "cudnn.VolumetricDilatedConvolution", sample=4)
def dilated_convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution with holes."""
    return _convolve(module, x, context, _dilation(module))


def _dilation(module: Module) -> Triple:
    time, height, width = (module.integer(f"dilation{letter}", 1, low=1, high=MAX_KERNEL) for letter in "THW")
    return time, height, width


def _convolve(module: Module, x: KerasTensor, context: Context, dilation: Triple) -> KerasTensor:
    groups = module.integer("groups", 1, low=1)
    channels, filters = planes(module, groups)
    kernel = _kernel(module, filters, channels // groups).transpose(2, 3, 4, 1, 0)
    context.expect_channels(module, x, channels)
    _, strides, padding = zip(*module_sizes(module, 3), strict=True)
    if max(strides) > 1 and max(dilation) > 1:
        kernel, dilation = _spread(module, kernel, dilation), (1, 1, 1)
    bias = module.array("bias")
    x = keras.layers.ZeroPadding3D(padding)(x) if any(padding) else x

    def make() -> keras.Layer:
        return keras.layers.Conv3D(
            filters,
            kernel.shape[:3],
            strides=strides,
            dilation_rate=dilation,
            groups=groups,
            use_bias=bias is not None,
        )

    return context.apply(module, x, make, [kernel, bias])


def _kernel(module: Module, first: int, second: int) -> np.ndarray:
    weight = module.required_array("weight")
    shape = (first, second, *(kernel for kernel, _, _ in module_sizes(module, 3)))
    if weight.size != np.prod(shape):
        raise module.fail(f"weight of shape {weight.shape}, expected {shape}")
    return weight.reshape(shape)


def _spread(module: Module, kernel: np.ndarray, dilation: Triple) -> np.ndarray:
    """Return the kernel with its holes as zeros, since Keras has no strides together with dilation."""
    sizes = [d * (k - 1) + 1 for d, k in zip(dilation, kernel.shape[:3], strict=True)]
    if np.prod(sizes, dtype=float) * kernel.shape[3] * kernel.shape[4] > MAX_WEIGHTS:
        raise module.fail(f"kernel of {sizes} after dilation is too large")
    spread = np.zeros((*sizes, *kernel.shape[3:]), kernel.dtype)
    spread[:: dilation[0], :: dilation[1], :: dilation[2]] = kernel
    return spread


@converts_values("nn.VolumetricFullConvolution", "cudnn.VolumetricFullConvolution")
def full_convolution(module: Module, value: Value, context: Context) -> Value:
    """Transposed convolution; a table as input names a second tensor whose size the output gets.

    Files of early 2016 name the padding pT, pW and pH and hold the weight as (output, input).
    """
    cell, *targets = module.cells([value] if isinstance(value, Cell) else value)
    parts = samples(cell, 4)
    sizes = module_sizes(module, 3)
    if module.get("pT") is not None:
        paddings = [module.integer(f"p{letter}", 0, low=0, high=MAX_KERNEL) for letter in "THW"]
        sizes = [(kernel, stride, pad) for (kernel, stride, _), pad in zip(sizes, paddings, strict=True)]
    added = tuple(module.integer(f"adj{letter}", 0, low=0, high=MAX_KERNEL) for letter in "THW")
    if targets:
        added = target_adjustment(module, targets[0], sizes)
    return parts.rest(_transposed(module, parts.tensor, context, sizes, added))


def _transposed(
    module: Module, x: KerasTensor, context: Context, sizes: list[Triple], added: tuple[int, ...]
) -> KerasTensor:
    """Apply the whole transposed convolution, and cut or add what Torch7 has less or more at the sides."""
    channels, filters = module.integer("nInputPlane", low=1), module.integer("nOutputPlane", low=1)
    old = module.get("pT") is not None
    weight = _kernel(module, filters, channels) if old else _kernel(module, channels, filters).swapaxes(0, 1)
    context.expect_channels(module, x, channels)
    kernel, strides = (tuple(size[i] for size in sizes) for i in (0, 1))
    x = context.apply(
        module,
        x,
        lambda: keras.layers.Conv3DTranspose(filters, kernel, strides=strides, use_bias=False),
        [weight.transpose(2, 3, 4, 0, 1)],
    )
    ends = [more - (max(k, s) - k) - pad for (k, s, pad), more in zip(sizes, added, strict=True)]
    x = with_ends(x, [pad for _, _, pad in sizes], ends)
    bias = module.array("bias")
    if bias is None:
        return x
    return context.apply(module, x, lambda: ElementwiseAffine((filters,), scale=False), [bias], part="bias")


@converts("nn.VolumetricMaxPooling", "cudnn.VolumetricMaxPooling", sample=4)
def max_pooling(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Max pooling; keeps the places of the maxima where a later unpooling wants them."""
    keys = [key for key in pooling_keys(module.source) if key in context.unpooled]
    plane, line = _rounded_windows(module)
    if not keys:
        return along_time(PaddedMaxPooling2D(**line), over_pictures(PaddedMaxPooling2D(**plane), x))
    pooled, indices = _pool_with_indices(PaddedMaxPooling2D(return_indices=True, **plane), x)
    rows = keras.ops.transpose(pooled, (0, 2, 1, 3, 4))
    lines, line_indices = _pool_with_indices(PaddedMaxPooling2D(return_indices=True, **line), rows)
    context.pooling_indices.update({key: [(indices, x), (line_indices, rows)] for key in keys})
    return keras.ops.transpose(lines, (0, 2, 1, 3, 4))


def _windows(module: Module) -> tuple[dict, dict]:
    """Return the arguments of poolings of the pictures, and along time."""
    (time, *plane) = module_sizes(module, 3)
    names = ("pool_size", "strides", "padding")
    over = {name: tuple(sizes[i] for sizes in plane) for i, name in enumerate(names)}
    return over, {name: (time[i], neutral) for i, (name, neutral) in enumerate(zip(names, (1, 1, 0), strict=True))}


def _rounded_windows(module: Module) -> list[dict]:
    """Return the arguments of `_windows` with the ceil_mode.

    Where a volume is padded along any axis, Torch7 drops the windows that start beyond it along all of them. The layers
    look at their own axes: without padding these get, in place of ceil_mode, so many pixels at the end that just the
    windows that start inside fit.
    """
    windows = _windows(module)
    padded = any(pad for _, _, pad in module_sizes(module, 3))
    rounded = []
    for window in windows:
        if ceil_mode(module) and padded and not any(window["padding"]):
            ends = [min(k, s) - 1 for k, s in zip(window["pool_size"], window["strides"], strict=True)]
            rounded.append({**window, "padding": tuple((0, end) for end in ends)})
        else:
            rounded.append({**window, "ceil_mode": ceil_mode(module)})
    return rounded


def _pool_with_indices(layer: keras.Layer, x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    pooled, indices = layer(FoldAxes(2)(x))
    return UnfoldAxes(2)([pooled, x]), UnfoldAxes(2)([indices, x])


@converts("nn.VolumetricMaxUnpooling", sample=4)
def max_unpooling(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """The counterpart of a max pooling, found by the tensor of indices that the two share: along time, then in rows."""
    found = [key for key in pooling_keys(module.get("pooling")) if key in context.pooling_indices]
    if not found:
        raise module.fail("the pooling module that it undoes does not come before it")
    (indices, volume), (line_indices, rows) = context.pooling_indices[found[0]]
    plane, line = _windows(module.child(module.get("pooling"), "pooling"))
    lines = _unpool(MaxUnpooling2D(**line), keras.ops.transpose(x, (0, 2, 1, 3, 4)), line_indices, rows)
    return _unpool(MaxUnpooling2D(**plane), keras.ops.transpose(lines, (0, 2, 1, 3, 4)), indices, volume)


def _unpool(layer: keras.Layer, x: KerasTensor, indices: KerasTensor, like: KerasTensor) -> KerasTensor:
    folded = FoldAxes(2)(x), FoldAxes(2)(indices), FoldAxes(2)(like)
    return UnfoldAxes(2)([layer(list(folded)), like])


@converts("nn.VolumetricDilatedMaxPooling", sample=4)
def dilated_max_pooling(module: Module, x: KerasTensor) -> KerasTensor:
    """Max pooling over windows with holes. Torch7 loses its ceil_mode on reading, so that it never counts."""
    plane, line = _windows(module)
    time, height, width = _dilation(module)
    pooled = over_pictures(DilatedMaxPooling2D(dilation_rate=(height, width), **plane), x)
    return along_time(DilatedMaxPooling2D(dilation_rate=(time, 1), **line), pooled)


@converts("nn.VolumetricAveragePooling", "cudnn.VolumetricAveragePooling", sample=4)
def average_pooling(module: Module, x: KerasTensor) -> KerasTensor:
    """Average pooling."""
    counts = counts_padding(module)
    # Where the pixels at the end stand in for ceil_mode there is no padding to count.
    plane, line = (
        PaddedAveragePooling2D(count_include_pad=counts and "ceil_mode" in window, **window)
        for window in _rounded_windows(module)
    )
    return along_time(line, over_pictures(plane, x))
