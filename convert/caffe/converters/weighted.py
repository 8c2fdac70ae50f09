"""Converters of the layers whose parameters span axes of their bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

from convert.axes import from_source_order, keras_axis, keras_permutation, to_source_order
from convert.caffe.network import LayerError
from convert.caffe.registry import Step, converts
from convert.caffe.shape_rules.weighted import covered_axes
from convert.caffe.shapes import canonical_axis
from convert.functions import added
from layers import ElementwiseAffine


@converts("InnerProduct")
def inner_product(step: Step, x: KerasTensor) -> KerasTensor:
    """Multiply what lies on the axes from `axis` on, flattened in Caffe's order, with the weights."""
    parameter = step.layer.inner_product_param
    kernel, *bias = step.weights
    kernel = kernel if parameter.transpose else kernel.T
    axis = canonical_axis(parameter.axis, step.shapes.bottoms[0])
    leading = [-1 if size is None else size for size in step.shapes.bottoms[0][:axis]]
    flat = ops.reshape(to_source_order(x), (*leading, kernel.shape[0]))
    if not leading:
        return ops.squeeze(_dense(step, ops.expand_dims(flat, 0), kernel, bias), 0)
    return from_source_order(_dense(step, flat, kernel, bias))


def _dense(step: Step, x: KerasTensor, kernel: np.ndarray, bias: Sequence[np.ndarray]) -> KerasTensor:
    return step.apply(
        keras.layers.Dense,
        x,
        [kernel, *bias],
        units=kernel.shape[1],
        use_bias=bool(bias),
        kernel_initializer="zeros",
    )


@converts("Embed")
def embed(step: Step, x: KerasTensor) -> KerasTensor:
    """Take the row of the weights that each number names, from 0 on, and add the offsets."""
    (rows, columns), (weight, *bias) = step.shapes.parameters[0], step.weights
    y = step.apply(
        keras.layers.Embedding, ops.cast(to_source_order(x), "int32"), [weight], input_dim=rows, output_dim=columns
    )
    if bias:
        y = step.apply(ElementwiseAffine, y, bias, shape=(columns,), scale=False, shift=True)
    return from_source_order(y)


@converts("BatchNorm")
def batch_norm(step: Step, x: KerasTensor) -> KerasTensor:
    """Normalise with the stored statistics, or with `use_global_stats: false` with those of the batch at hand."""
    parameter = step.layer.batch_norm_param
    axes = len(x.shape)
    if not parameter.use_global_stats:
        if parameter.scale_bias:
            raise LayerError("uses batch statistics and has its own factors, which is not supported")
        others = [axis for axis in range(axes) if axis != keras_axis(1, axes)]
        centred = x - ops.mean(x, axis=others, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=others, keepdims=True)
        return centred / ops.sqrt(variance + parameter.eps)
    mean, variance, divisor, *own = step.weights
    # A divisor of zero counts as "multiply by zero": no statistics were gathered yet.
    factor = 1.0 / divisor[0] if divisor[0] else np.float32(0)
    return step.apply(
        keras.layers.BatchNormalization,
        x,
        [*own, mean * factor, variance * factor],
        axis=keras_axis(1, axes),
        epsilon=parameter.eps,
        center=bool(own),
        scale=bool(own),
    )


@converts("BN")
def folded_batch_norm(step: Step, x: KerasTensor) -> KerasTensor:
    """Multiply by the factors and add the offsets of SegNet's layer; PSPNet's normalises before."""
    weights = [weight.ravel() for weight in step.weights]
    if len(weights) == 2:
        return step.apply(ElementwiseAffine, x, weights, shape=weights[0].shape, scale=True, shift=True)
    return step.apply(keras.layers.BatchNormalization, x, weights, epsilon=step.layer.bn_param.eps)


@converts("Normalize")
def normalize(step: Step, x: KerasTensor) -> KerasTensor:
    """Divide by the root of the sum of squares, over the channels or all of a picture, and multiply."""
    parameter = step.layer.norm_param
    axes = (1, 2, 3) if parameter.across_spatial else (3,)
    x = x * ops.rsqrt(ops.sum(ops.square(x), axis=axes, keepdims=True) + parameter.eps)
    if parameter.channel_shared:
        return x * float(step.weights[0])
    factors = step.weights[0]
    return step.apply(
        ElementwiseAffine, x, [factors.reshape(1, 1, -1)], shape=(1, 1, len(factors)), scale=True, shift=False
    )


@converts("PReLU")
def prelu(step: Step, x: KerasTensor) -> KerasTensor:
    """Multiply negative numbers by one slope a channel, or one for all."""
    axes = len(x.shape)
    channel = keras_axis(1, axes)
    shared = step.layer.prelu_param.channel_shared
    kept = [] if shared else [channel]
    slopes = step.weights[0].reshape([-1 if axis in kept else 1 for axis in range(1, axes)])
    if axes == 5:  # LiteRT's own layer takes four axes at most.
        negative = ops.minimum(x, 0)
        return ops.maximum(x, 0) + step.apply(
            ElementwiseAffine, negative, [slopes], shape=slopes.shape, scale=True, shift=False
        )
    return step.apply(
        keras.layers.PReLU, x, [slopes], shared_axes=[axis for axis in range(1, axes) if axis not in kept]
    )


@converts("Scale")
def scale(step: Step, x: KerasTensor, factor: KerasTensor | None = None) -> KerasTensor:
    """Multiply by the parameters or the second bottom, and add the offsets if there are any."""
    parameter = step.layer.scale_param
    if factor is None:
        return _affine(step, parameter, x, scale=True, shift=parameter.bias_term)
    y = x * _broadcast(step, parameter, factor)
    return _affine(step, parameter, y, scale=False, shift=True) if parameter.bias_term else y


@converts("Bias")
def bias(step: Step, x: KerasTensor, offset: KerasTensor | None = None) -> KerasTensor:
    """Add the parameters or the second bottom."""
    if offset is None:
        return _affine(step, step.layer.bias_param, x, scale=False, shift=True)
    return added(x, _broadcast(step, step.layer.bias_param, offset))


def _affine(step: Step, parameter: Any, x: KerasTensor, *, scale: bool, shift: bool) -> KerasTensor:
    """Apply the parameters to the axes that they cover."""
    first, axes = covered_axes(parameter, step.shapes.bottoms)
    total = len(x.shape)
    after = total - first - axes
    weights = [w.reshape((1,) * first + w.shape + (1,) * after) for w in step.weights]
    weights = [w.transpose(keras_permutation(total)) for w in weights]
    if first == 0 and axes:
        # The parameters span the batch as well, which ElementwiseAffine takes for one axis more after its own.
        y = step.apply(
            ElementwiseAffine, ops.expand_dims(x, 0), weights, shape=weights[0].shape, scale=scale, shift=shift
        )
        return ops.squeeze(y, 0)
    weights = [w.reshape(w.shape[1:]) for w in weights]
    return step.apply(ElementwiseAffine, x, weights, shape=weights[0].shape, scale=scale, shift=shift)


def _broadcast(step: Step, parameter: Any, second: KerasTensor) -> KerasTensor:
    """Return the second bottom with axes of size 1 where it has none, in Keras' order."""
    first, axes = covered_axes(parameter, step.shapes.bottoms)
    after = len(step.shapes.bottoms[0]) - first - axes
    second = to_source_order(second)
    for _ in range(first):
        second = ops.expand_dims(second, 0)
    for _ in range(after):
        second = ops.expand_dims(second, -1)
    return from_source_order(second)
