"""Convolutions, transposed convolutions and padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from convert.torch7.registry import converts
from layers import (
    CircularPadding2D,
    PaddedConv2DTranspose,
    ReflectionPadding2D,
    ReplicationPadding2D,
    conv2d,
)

if TYPE_CHECKING:
    from keras import KerasTensor

    from convert.torch7.context import Context
    from convert.torch7.module import Module

MAX_KERNEL = 1024  # larger kernels, strides and dilations are taken for damage
MAX_PADDING = 4096

Pair = tuple[int, int]


def window(module: Module, stride_default: int | None = None) -> tuple[Pair, Pair]:
    """Return kernel size and strides of a convolution or pooling as (height, width) pairs."""
    kernel = tuple(module.integer(name, low=1, high=MAX_KERNEL) for name in ("kH", "kW"))
    strides = tuple(module.integer(name, stride_default, low=1, high=MAX_KERNEL) for name in ("dH", "dW"))
    return kernel, strides


def zero_padding(module: Module) -> Pair:
    """Return the padding inside a convolution or pooling; old files have one field for both sides, or none."""
    common = module.integer("padding", 0, low=-MAX_PADDING, high=MAX_PADDING)
    return tuple(module.integer(name, common, low=-MAX_PADDING, high=MAX_PADDING) for name in ("padH", "padW"))


@converts(
    "nn.SpatialConvolution",
    "cudnn.SpatialConvolution",
    "nn.SpatialConvolutionMM",
    "nn.SpatialConvolutionLocalMM",
)
def convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution, with cudnn's groups."""
    groups = module.integer("groups", 1, low=1)
    return _convolve(module, x, context, _kernel(module, groups), groups=groups)


@converts("nn.SpatialDilatedConvolution", "cudnn.SpatialDilatedConvolution")
def dilated_convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution with holes."""
    dilation = tuple(module.integer(name, 1, low=1, high=MAX_KERNEL) for name in ("dilationH", "dilationW"))
    return _convolve(module, x, context, _kernel(module, 1), dilation=dilation)


@converts("nn.SpatialDepthWiseConvolution")
def depthwise_convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution of each channel by itself with nOutputPlane filters; outputs are ordered by input channel.

    The weight is (filters, channels, height, width), the bias (filters, channels).
    """
    weight = _weight(module, module.integer("nOutputPlane", low=1), module.integer("nInputPlane", low=1))
    filters, channels, height, width = weight.shape
    kernel = weight.transpose(2, 3, 1, 0).reshape(height, width, 1, channels * filters)
    return _convolve(module, x, context, kernel, groups=channels)


def _weight(module: Module, first: int, second: int) -> np.ndarray:
    """Return the 4-D weight; files that ran under cudnn or SpatialConvolutionMM may hold it with two dimensions."""
    weight = module.required_array("weight")
    (height, width), _ = window(module)
    if weight.size != first * second * height * width:
        raise module.fail(f"weight of shape {weight.shape}, expected {(first, second, height, width)}")
    return weight.reshape(first, second, height, width)


def _kernel(module: Module, groups: int) -> np.ndarray:
    """Return the weight (output, input / groups, height, width) as Keras' (height, width, input / groups, output)."""
    channels, filters = module.integer("nInputPlane", low=1), module.integer("nOutputPlane", low=1)
    if channels % groups or filters % groups:
        raise module.fail(f"{groups} groups for {channels} input and {filters} output channels")
    return _weight(module, filters, channels // groups).transpose(2, 3, 1, 0)


def _convolve(
    module: Module,
    x: KerasTensor,
    context: Context,
    kernel: np.ndarray,
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> KerasTensor:
    _, strides = window(module, stride_default=1)
    context.expect_channels(module, x, kernel.shape[2] * groups)
    if max(strides) > 1 and max(dilation) > 1:
        kernel, dilation = _spread(module, kernel, dilation), (1, 1)
    bias = module.array("bias")
    x, padding = _pad_for(module, x, kernel.shape[:2], strides, dilation)

    def make() -> keras.Layer:
        return conv2d(
            kernel.shape[3],
            kernel.shape[:2],
            strides=strides,
            padding=padding,
            dilation_rate=dilation,
            groups=groups,
            use_bias=bias is not None,
        )

    return context.apply(module, x, make, [kernel, None if bias is None else _bias(module, bias)])


def _bias(module: Module, bias: np.ndarray) -> np.ndarray:
    # A depthwise bias is (filters, channels) while the output channels are ordered by input channel.
    return np.ascontiguousarray(bias.T).ravel()


def _pad_for(module: Module, x: KerasTensor, kernel: Pair, strides: Pair, dilation: Pair) -> tuple[KerasTensor, str]:
    """Return the padded picture and Keras' padding mode; padding that Keras' `same` stands for costs nothing."""
    padding = zero_padding(module)
    if padding == (0, 0):
        return x, "valid"
    same = all(2 * p == d * (k - 1) for p, d, k in zip(padding, dilation, kernel, strict=True))
    if same and strides == (1, 1):
        return x, "same"
    rows, columns = padding
    return pad_or_crop(x, ((rows, rows), (columns, columns)), keras.layers.ZeroPadding2D), "valid"


def _spread(module: Module, kernel: np.ndarray, dilation: Pair) -> np.ndarray:
    """Return the kernel with its holes as zeros, since Keras has no strides together with dilation."""
    height, width = (d * (k - 1) + 1 for d, k in zip(dilation, kernel.shape[:2], strict=True))
    if height * width > MAX_KERNEL**2 or height * width * kernel.shape[2] * kernel.shape[3] > 2**26:
        raise module.fail(f"kernel of {height}x{width} pixels after dilation is too large")
    spread = np.zeros((height, width, *kernel.shape[2:]), kernel.dtype)
    spread[:: dilation[0], :: dilation[1]] = kernel
    return spread


@converts("nn.SpatialFullConvolution", "cudnn.SpatialFullConvolution")
def full_convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Transposed convolution; the weight is (input, output, height, width), a missing adj is 0."""
    channels, filters = module.integer("nInputPlane", low=1), module.integer("nOutputPlane", low=1)
    kernel = _weight(module, channels, filters).transpose(2, 3, 1, 0)
    size, strides = window(module, stride_default=1)
    bias = module.array("bias")
    context.expect_channels(module, x, channels)
    output_padding = tuple(module.integer(name, 0, low=0, high=MAX_KERNEL) for name in ("adjH", "adjW"))

    def make() -> keras.Layer:
        return PaddedConv2DTranspose(
            filters,
            size,
            strides=strides,
            padding=zero_padding(module),
            output_padding=output_padding,
            use_bias=bias is not None,
        )

    return context.apply(module, x, make, [kernel, bias])


def pad_or_crop(x: KerasTensor, border: tuple[Pair, Pair], padding: type[keras.Layer]) -> KerasTensor:
    """Pad the sides ((top, bottom), (left, right)) with a layer of class `padding`; negative sides are cut off."""
    cut = tuple(tuple(max(0, -side) for side in sides) for sides in border)
    add = tuple(tuple(max(0, side) for side in sides) for sides in border)
    if any(map(any, cut)):
        x = keras.layers.Cropping2D(cut)(x)
    return padding(add)(x) if any(map(any, add)) else x


PADDINGS = {
    "nn.SpatialZeroPadding": keras.layers.ZeroPadding2D,
    "nn.SpatialReplicationPadding": ReplicationPadding2D,
    "nn.SpatialReflectionPadding": ReflectionPadding2D,
    "nn.SpatialCircularPadding": CircularPadding2D,
}


@converts(*PADDINGS)
def padding(module: Module, x: KerasTensor) -> KerasTensor:
    """Padding of a picture's sides; negative widths crop."""
    names = (("pad_t", "pad_b"), ("pad_l", "pad_r"))
    border = tuple(tuple(module.integer(name, low=-MAX_PADDING, high=MAX_PADDING) for name in sides) for sides in names)
    return pad_or_crop(x, border, PADDINGS[module.type_name])


@converts("nn.ShaveImage")
def shave(module: Module, x: KerasTensor) -> KerasTensor:
    """Cuts `size` pixels off each side."""
    return keras.layers.Cropping2D(module.integer("size", low=0, high=MAX_PADDING))(x)
