"""Convolutions and matrix products."""

from __future__ import annotations

import functools
import string
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from convert.functions import added
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.elementwise import check_constant, elementwise
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.sizes import with_channels
from convert.pytorch.programs.values import BatchNeeded, FreeSize, OperatorError, Value, constant_of, whole, wholes
from layers import DynamicConv2D, DynamicConv2DTranspose, PaddedConv2DTranspose, conv2d

MAX_POWER = 64  # of a matrix

_CONVOLUTIONS: dict[int, Callable[..., keras.Layer]] = {1: keras.layers.Conv1D, 2: conv2d, 3: keras.layers.Conv3D}
_ZERO_PADDINGS = {1: keras.layers.ZeroPadding1D, 2: keras.layers.ZeroPadding2D, 3: keras.layers.ZeroPadding3D}


@operator("conv1d", "conv2d", "conv3d")
def convolve(
    context: Context,
    input: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Value:
    """A convolution over one, two or three axes; the padding is widths of zeros, "valid" or "same"."""
    axes = weight.rank - 2
    if not weight.is_constant:
        return _convolve_by(context, input, weight, bias, stride, padding, dilation, groups)
    kernel, biases = _weights(weight, bias)
    strides, dilations = wholes(stride, axes), wholes(dilation, axes)
    x = with_channels(context.channels_last(input, axes), kernel.shape[1] * groups)
    extents = [rate * (size - 1) for rate, size in zip(dilations, kernel.shape[2:], strict=True)]
    x = _padded(x, _widths(padding, extents))
    kernel = kernel.transpose(*range(2, axes + 2), 1, 0)
    if max(strides) > 1 and max(dilations) > 1:
        kernel, dilations = _spread(kernel, dilations), (1,) * axes
    # Keras' depthwise convolution has one stride for both axes.
    is_depthwise = axes == 2 and groups == kernel.shape[-1] == x.shape[-1] > 1 and len(set(strides)) == 1
    common = {"strides": strides, "dilation_rate": dilations, "use_bias": bias is not None}

    def make(name: str | None) -> keras.Layer:
        sides = kernel.shape[:axes]
        if is_depthwise:
            return keras.layers.DepthwiseConv2D(sides, name=name, **common)
        return _CONVOLUTIONS[axes](kernel.shape[-1], sides, groups=groups, name=name, **common)

    stored = kernel.transpose(0, 1, 3, 2) if is_depthwise else kernel
    made = context.apply(x, [weight, bias], make, [stored, *biases], (common, groups))
    return Value.from_channels_last(made)


def _convolve_by(
    context: Context,
    input: Value,
    weight: Value,
    bias: Value | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Value:
    """Return a convolution of pictures whose weights the network computes, such as a modulated one."""
    if weight.rank != 4:
        raise OperatorError("needs constant weights: they depend on the input here, which is supported for pictures")
    layer = DynamicConv2D(wholes(stride, 2), wholes(dilation, 2))
    channels, *sides = _known_sizes(weight)
    extents = [rate * (size - 1) for rate, size in zip(layer.dilation_rate, sides, strict=True)]
    x = _padded(with_channels(context.channels_last(input, 2), channels * whole(groups)), _widths(padding, extents))
    kernel = ops.transpose(_computed_kernel(context, weight), (2, 3, 1, 0))
    return _with_bias(context, Value(layer([x, kernel])), bias)


def _known_sizes(weight: Value) -> tuple[int, ...]:
    """Return the sizes of weights but for the first, which must be known."""
    return wholes([FreeSize(weight, axis) if size is None else size for axis, size in enumerate(weight.shape)][1:])


def _computed_kernel(context: Context, weight: Value) -> KerasTensor:
    """Return weights that depend on the input, in PyTorch's order.

    Raises:
        BatchNeeded: there are some for each picture.
    """
    if None in weight.shape[:2] and context.anchor.shape[0] is None:
        raise BatchNeeded("computes the weights of a convolution for each picture of a batch")
    return weight.source()


def _with_bias(context: Context, value: Value, bias: Value | None) -> Value:
    """Return pictures with a bias, constant or computed, for each channel."""
    if bias is None:
        return value
    wide = Value.from_source(ops.reshape(context.tensor(bias), (1, -1, 1, 1)))
    return elementwise(context, added, value, wide)


@operator("conv_transpose2d")
def convolve_transposed(
    context: Context,
    input: Value,
    weight: Value,
    bias: Value | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Value:
    """A transposed convolution of pictures."""
    if weight.rank != 4:
        raise OperatorError("transposed convolutions are supported for pictures alone")
    options: dict[str, Any] = {
        "strides": wholes(stride, 2),
        "padding": wholes(padding, 2),
        "output_padding": wholes(output_padding, 2),
        "dilation_rate": wholes(dilation, 2),
        "groups": whole(groups),
    }
    x = with_channels(context.channels_last(input, 2), weight.shape[0])
    filters, *sides = _known_sizes(weight)
    # Keras' kernel of a layer with groups has the outputs of one group.
    if not weight.is_constant:
        transposed = ops.transpose(_computed_kernel(context, weight), (2, 3, 1, 0))
        computed = DynamicConv2DTranspose(filters * options["groups"], sides, **options)([x, transposed])
        return _with_bias(context, Value(computed), bias)
    kernel, biases = _weights(weight, bias)
    kernel = kernel.transpose(2, 3, 1, 0)
    options["use_bias"] = bias is not None

    def make(name: str | None) -> keras.Layer:
        return PaddedConv2DTranspose(filters * options["groups"], sides, name=name, **options)

    return Value(context.apply(x, [weight, bias], make, [kernel, *biases], options))


@operator("convolution", "_convolution")
def convolution(
    context: Context,
    input: Value,
    weight: Value,
    bias: Value | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
    benchmark: bool = False,
    deterministic: bool = False,
    cudnn_enabled: bool = False,
    allow_tf32: bool = False,
) -> Value:
    """A convolution of either kind, as traces have it."""
    if transposed:
        return convolve_transposed(context, input, weight, bias, stride, padding, output_padding, groups, dilation)
    return convolve(context, input, weight, bias, stride, padding, dilation, groups)


@operator("_convolution_mode")
def convolution_by_mode(
    context: Context,
    input: Value,
    weight: Value,
    bias: Value | None,
    stride: Any,
    padding: str,
    dilation: Any,
    groups: int,
) -> Value:
    """A convolution with a named padding, as traces have it."""
    return convolve(context, input, weight, bias, stride, padding, dilation, groups)


def _weights(weight: Value, bias: Value | None) -> tuple[np.ndarray, list[np.ndarray]]:
    return constant_of(weight), [] if bias is None else [constant_of(bias)]


def _widths(padding: Any, extents: Sequence[int]) -> list[tuple[int, int]]:
    """Return the zeros before and after along each axis."""
    if padding == "same":
        return [(extent // 2, extent - extent // 2) for extent in extents]
    if padding == "valid":
        padding = 0
    return [(width, width) for width in wholes(padding, len(extents))]


def _padded(x: KerasTensor, widths: Sequence[tuple[int, int]]) -> KerasTensor:
    if not any(map(any, widths)):
        return x
    return _ZERO_PADDINGS[len(widths)](widths[0] if len(widths) == 1 else tuple(widths))(x)


def _spread(kernel: np.ndarray, dilations: Sequence[int]) -> np.ndarray:
    """Return a kernel with zeros between its elements: Keras has no stride beside a dilation."""
    sides = [rate * (size - 1) + 1 for rate, size in zip(dilations, kernel.shape, strict=False)]
    spread = np.zeros((*sides, *kernel.shape[len(sides) :]), kernel.dtype)
    spread[tuple(slice(None, None, rate) for rate in dilations)] = kernel
    return spread


@operator("linear")
def linear(context: Context, input: Value, weight: Value, bias: Value | None = None) -> Value:
    """A dense layer along the last axis."""
    kernel, biases = _weights(weight, bias)
    x = context.tensor(input)
    if x.shape[-1] is None:
        raise OperatorError("takes so many features as the size of the input makes: give the size as `input_shape`")

    def make(name: str | None) -> keras.Layer:
        return keras.layers.Dense(kernel.shape[0], use_bias=bias is not None, name=name)

    made = context.apply(x, [weight, bias], make, [kernel.T, *biases], bias is not None)
    return Value.from_source(made)


@operator("addmm", "addmv")
def add_matrix_product(
    context: Context, self: Value, mat1: Value, mat2: Value, beta: float = 1, alpha: float = 1
) -> Value:
    """Beta * self + alpha * mat1 mat2."""
    product = multiply_matrices(context, mat1, mat2)
    return elementwise(context, lambda a, b: added(ops.multiply(b, alpha), ops.multiply(a, beta)), self, product)


@operator("baddbmm")
def add_batched_product(
    context: Context, self: Value, batch1: Value, batch2: Value, beta: float = 1, alpha: float = 1
) -> Value:
    """Beta * self + alpha * batch1 batch2."""
    return add_matrix_product(context, self, batch1, batch2, beta, alpha)


@operator("matmul", "mm", "bmm", "mv", "dot", "vdot")
def multiply_matrices(context: Context, self: Value, mat2: Value) -> Value:
    """The product of matrices, which are the last two axes."""
    if self.is_constant and mat2.is_constant:
        check_constant((*self.shape[:-1], *mat2.shape[-1:]))  # type: ignore[arg-type]
        return Value(np.matmul(self.tensor, mat2.tensor))
    return Value.from_source(ops.matmul(context.tensor(self), context.tensor(mat2)))


@operator("matrix_power", "linalg_matrix_power")
def matrix_power(context: Context, self: Value, n: int) -> Value:
    """A matrix times itself, `n` times."""
    if not 1 <= whole(n) <= MAX_POWER:
        raise OperatorError(f"to the power {n} is not supported: 1 to {MAX_POWER} are")
    return functools.reduce(lambda made, one: multiply_matrices(context, made, one), [self] * n)


@operator("einsum")
def einsum(context: Context, equation: str, tensors: Sequence[Value], path: Any = None) -> Value:
    """Sums of products along named axes."""
    if all(value.is_constant for value in tensors):
        return Value(np.einsum(equation, *(value.tensor for value in tensors)))
    return Value.from_source(ops.einsum(_lower(equation), *(context.tensor(value) for value in tensors)))


def _lower(equation: str) -> str:
    """Return an equation with other letters for the large ones, which Keras does not take."""
    found = [letter for letter in dict.fromkeys(equation) if letter.isalpha()]
    free = iter(letter for letter in string.ascii_lowercase if letter not in found)
    names = {letter: next(free, "?") for letter in found if letter.isupper()}
    return "".join(names.get(letter, letter) for letter in equation if letter != " ")


@operator("embedding")
def look_up(
    context: Context,
    weight: Value,
    indices: Value,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Value:
    """Rows of a matrix of weights."""
    rows = constant_of(weight)
    if indices.is_constant:
        return Value(rows[indices.tensor])

    def make(name: str | None) -> keras.Layer:
        return keras.layers.Embedding(*rows.shape, name=name)

    return Value.from_source(context.apply(indices.source(), [weight], make, [rows]))


@operator("scaled_dot_product_attention")
def attend(
    context: Context,
    query: Value,
    key: Value,
    value: Value,
    attn_mask: Value | None = None,
    dropout_p: float = 0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    """Softmax of the products of queries and keys, times the values (Vaswani et al. 2017)."""
    if is_causal or enable_gqa:
        raise OperatorError("causal masks and groups of queries are not supported")
    queries, keys, values = (context.tensor(one) for one in (query, key, value))
    factor = query.shape[-1] ** -0.5 if scale is None else scale  # type: ignore[operator]
    transposed = ops.swapaxes(keys, -1, -2)
    weights = Value.from_source(ops.matmul(queries * factor, transposed))
    if attn_mask is not None:
        weights = _masked(context, weights, attn_mask)
    return Value.from_source(ops.matmul(ops.softmax(weights.source(), axis=-1), values))


def _masked(context: Context, weights: Value, mask: Value) -> Value:
    if mask.dtype == "bool":
        return elementwise(context, lambda x, kept: ops.where(kept, x, -1e30), weights, mask)
    return elementwise(context, added, weights, mask)
