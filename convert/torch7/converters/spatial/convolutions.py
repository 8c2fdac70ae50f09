"""Convolutions and transposed convolutions of pictures."""

from __future__ import annotations

import keras
import numpy as np
from keras import KerasTensor

from convert.torch7.context import Context
from convert.torch7.converters.spatial.geometry import (
    MAX_KERNEL,
    Pair,
    module_sizes,
    pad_or_crop,
    window,
    zero_padding,
)
from convert.torch7.module import Module
from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Cell, Value, samples
from layers import PaddedConv2DTranspose, conv2d


@converts(
    "nn.SpatialConvolution",
    "cudnn.SpatialConvolution",
    "nn.SpatialConvolutionMM",
    "nn.SpatialConvolutionLocalMM",
    "nn.SpatialConvolutionCuFFT",
    "nn.SpatialConvolutionFBFFT",
    "nn.SpatialConvolutionFFT",
    "w2nn.EdgeFilter",
    "w2nn.RandomBinaryConvolution",
    sample=3,
)
def convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution, with cudnn's groups."""
    return convolution_of(module, x, context)


def convolution_of(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Apply the module's weight (output, input / groups, height, width) and bias."""
    groups = module.integer("groups", 1, low=1)
    return convolve(module, x, context, _kernel(module, groups), groups=groups)


@converts("nn.SpatialDilatedConvolution", "cudnn.SpatialDilatedConvolution", sample=3)
def dilated_convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution with holes."""
    down, right = (module.integer(name, 1, low=1, high=MAX_KERNEL) for name in ("dilationH", "dilationW"))
    return convolve(module, x, context, _kernel(module, 1), dilation=(down, right))


@converts("nn.SpatialConvolution1_fw", "nn.SpatialLinear", sample=3)
def pointwise_convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """A matrix (outputs, inputs) for each pixel."""
    weight, bias = module.required_array("weight"), module.required_array("bias").ravel()
    if weight.ndim != 2:
        raise module.fail(f"needs a 2-D weight, not {weight.shape}")
    context.expect_channels(module, x, weight.shape[1])
    kernel = np.ascontiguousarray(weight.T)[None, None]
    return context.apply(module, x, lambda: conv2d(weight.shape[0], (1, 1)), [kernel, bias])


@converts("nn.SpatialConvolutionUpsample", "cudnn.SpatialConvolutionUpsample", sample=3)
def upsampling_convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution whose factor^2 filters for each output are laid one after the other, as rows of a larger picture."""
    factor, filters = module.integer("factor", low=1, high=64), module.integer("nOutputPlaneU", low=1)
    made = convolution_of(module, x, context)
    if None in made.shape[1:]:
        raise module.fail("needs the height and width of its input: give the sizes as `input_shape`")
    _, height, width, _ = made.shape
    rows = keras.ops.reshape(keras.ops.transpose(made, (0, 3, 1, 2)), (-1, filters, height * factor, width * factor))
    return keras.ops.transpose(rows, (0, 2, 3, 1))


@converts("nn.SpatialBinaryConvolution", sample=3)
def binary_convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution with the signs of the weight times its mean magnitude for each output."""
    module.ignore("tempWeight", "alphaOut", "t1", "t2", "t3")
    weight = _weight(module, module.integer("nOutputPlane", low=1), module.integer("nInputPlane", low=1))
    scale = np.mean(np.abs(weight), axis=(1, 2, 3), keepdims=True)
    kernel = (np.where(weight < 0, -1, 1) * scale).astype(np.float32)
    return convolve(module, x, context, kernel.transpose(2, 3, 1, 0))


@converts("nn.SpatialDepthWiseConvolution", sample=3)
def depthwise_convolution(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Convolution of each channel by itself with nOutputPlane filters; outputs are ordered by input channel.

    The weight is (filters, channels, height, width), the bias (filters, channels).
    """
    weight = _weight(module, module.integer("nOutputPlane", low=1), module.integer("nInputPlane", low=1))
    filters, channels, height, width = weight.shape
    kernel = weight.transpose(2, 3, 1, 0).reshape(height, width, 1, channels * filters)
    return convolve(module, x, context, kernel, groups=channels)


def _weight(module: Module, first: int, second: int) -> np.ndarray:
    """Return the 4-D weight; files that ran under cudnn or SpatialConvolutionMM may hold it with two dimensions."""
    weight = module.required_array("weight")
    (height, width), _ = window(module, stride_default=1)
    if weight.size != first * second * height * width:
        raise module.fail(f"weight of shape {weight.shape}, expected {(first, second, height, width)}")
    return weight.reshape(first, second, height, width)


def planes(module: Module, groups: int) -> tuple[int, int]:
    """Return the numbers of input and output channels of a convolution, which `groups` must divide."""
    channels, filters = module.integer("nInputPlane", low=1), module.integer("nOutputPlane", low=1)
    if channels % groups or filters % groups:
        raise module.fail(f"groups {groups} does not divide {channels} input and {filters} output channels")
    return channels, filters


def _kernel(module: Module, groups: int) -> np.ndarray:
    """Return the weight (output, input / groups, height, width) as Keras' (height, width, input / groups, output)."""
    channels, filters = planes(module, groups)
    return _weight(module, filters, channels // groups).transpose(2, 3, 1, 0)


def convolve(
    module: Module,
    x: KerasTensor,
    context: Context,
    kernel: np.ndarray,
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> KerasTensor:
    """Apply a convolution with a kernel (height, width, input / groups, output) and the module's bias."""
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


@converts_values("nn.SpatialFullConvolution", "cudnn.SpatialFullConvolution")
def full_convolution(module: Module, value: Value, context: Context) -> Value:
    """Transposed convolution; the weight is (input, output, height, width), a missing adj is 0.

    A table as input names a second tensor whose height and width the output gets.
    """
    cell, *targets = module.cells([value] if isinstance(value, Cell) else value)
    parts = samples(cell, 3)
    added = tuple(module.integer(name, 0, low=0, high=MAX_KERNEL) for name in ("adjH", "adjW"))
    if targets:
        added = target_adjustment(module, targets[0], module_sizes(module, 2))
    return parts.rest(_transposed(module, parts.tensor, context, added))


def target_adjustment(module: Module, target: Cell, sizes: list[tuple[int, int, int]]) -> tuple[int, ...]:
    """Return what is added at the end of a transposed convolution so that the output has a tensor's size."""
    found = target.sizes[-len(sizes) :]
    if None in found:
        raise module.fail("takes its output's size from a second input; give the sizes of that input as `input_shape`")
    return tuple(
        ((size or 0) + 2 * pad - kernel) % stride for size, (kernel, stride, pad) in zip(found, sizes, strict=True)
    )


def _transposed(module: Module, x: KerasTensor, context: Context, added: tuple[int, ...]) -> KerasTensor:
    channels, filters = module.integer("nInputPlane", low=1), module.integer("nOutputPlane", low=1)
    kernel = _weight(module, channels, filters).transpose(2, 3, 1, 0)
    return apply_transposed(module, x, context, kernel, module.array("bias"), added)


def apply_transposed(
    module: Module,
    x: KerasTensor,
    context: Context,
    kernel: np.ndarray,
    bias: np.ndarray | None,
    added: tuple[int, ...] = (0, 0),
) -> KerasTensor:
    """Apply a transposed convolution with a kernel (height, width, output, input)."""
    size, strides = window(module, stride_default=1)
    context.expect_channels(module, x, kernel.shape[3])

    def make() -> keras.Layer:
        return PaddedConv2DTranspose(
            kernel.shape[2],
            size,
            strides=strides,
            padding=zero_padding(module),
            output_padding=added,
            use_bias=bias is not None,
        )

    return context.apply(module, x, make, [kernel, bias])
