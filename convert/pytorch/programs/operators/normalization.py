"""Normalisations."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from convert.axes import CHANNELS_LAST_RANKS
from convert.functions import added
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.values import BatchNeeded, OperatorError, Value, constant_of, wholes
from layers import InstanceNormalization, PictureNormalization


@operator("batch_norm")
def batch_norm(
    context: Context,
    input: Value,
    weight: Value | None = None,
    bias: Value | None = None,
    running_mean: Value | None = None,
    running_var: Value | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = False,
) -> Value:
    """Normalisation with the running statistics of the file."""
    if training or running_mean is None or running_var is None:
        raise OperatorError("normalises with the statistics of the batch: export the network after model.eval()")
    gamma, beta, mean, variance = _vectors(weight, bias, running_mean, running_var)
    arrays = [array for array in (gamma, beta, mean, variance) if array is not None]

    def make(name: str | None) -> keras.Layer:
        return keras.layers.BatchNormalization(
            epsilon=eps, scale=gamma is not None, center=beta is not None, axis=_channels(input), name=name
        )

    values = [weight, bias, running_mean, running_var]
    return Value(context.apply(input.tensor, values, make, arrays, eps))


@operator("_native_batch_norm_legit_no_training")
def native_batch_norm(
    context: Context,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    running_mean: Value,
    running_var: Value,
    momentum: float,
    eps: float,
) -> tuple[Value, None, None]:
    """The same, as decomposed programs have it."""
    return batch_norm(context, input, weight, bias, running_mean, running_var, eps=eps), None, None


@operator("_native_batch_norm_legit")
def native_batch_norm_of_batch(
    context: Context, input: Value, weight: Value | None, bias: Value | None, *statistics_and_options: Any
) -> tuple[Value, None, None]:
    """Normalisation with the statistics of the batch, as decomposed programs have instance normalisation.

    There the channels of all pictures are those of one.
    """
    if input.shape[0] is None and context.batch > 1:
        raise BatchNeeded("normalises the channels of all pictures")
    if len(statistics_and_options) != 3 or input.rank != 4 or input.shape[0] not in (None, 1):
        raise OperatorError("normalises with the statistics of the batch: export the network after model.eval()")
    _training, _momentum, eps = statistics_and_options
    return _picture_normalization(context, input, weight, bias, eps, InstanceNormalization), None, None


@operator("instance_norm")
def instance_norm(
    context: Context,
    input: Value,
    weight: Value | None = None,
    bias: Value | None = None,
    running_mean: Value | None = None,
    running_var: Value | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = False,
) -> Value:
    """Normalisation of each channel of each picture."""
    if not use_input_stats:
        return batch_norm(context, input, weight, bias, running_mean, running_var, eps=eps)
    if input.rank != 4:
        raise OperatorError(f"takes pictures, not a tensor of {input.rank} axes")
    return _picture_normalization(context, input, weight, bias, eps, InstanceNormalization)


@operator("group_norm")
def group_norm(
    context: Context,
    input: Value,
    num_groups: int,
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = False,
) -> Value:
    """Normalisation of groups of channels of each picture."""
    channels = input.shape[1]
    if input.rank == 4 and num_groups in (1, channels):
        layer = PictureNormalization if num_groups == 1 else InstanceNormalization
        return _picture_normalization(context, input, weight, bias, eps, layer)
    if channels is None or input.rank not in (2, *CHANNELS_LAST_RANKS):
        raise OperatorError(f"takes pictures with known channels, not the shape {input.shape}")
    gamma, beta = _vectors(weight, bias)

    def make(name: str | None) -> keras.Layer:
        return keras.layers.GroupNormalization(
            groups=num_groups, epsilon=eps, scale=gamma is not None, center=beta is not None, name=name
        )

    arrays = [array for array in (gamma, beta) if array is not None]
    return Value(context.apply(input.tensor, [weight, bias], make, arrays, (num_groups, eps)))


@operator("native_group_norm")
def native_group_norm(
    context: Context,
    input: Value,
    weight: Value | None,
    bias: Value | None,
    N: Any,
    C: Any,
    HxW: Any,
    group: int,
    eps: float,
) -> tuple[Value, None, None]:
    """The same, as decomposed programs have it."""
    return group_norm(context, input, group, weight, bias, eps), None, None


def _picture_normalization(
    context: Context, input: Value, weight: Value | None, bias: Value | None, eps: float, layer: Any
) -> Value:
    gamma, beta = _vectors(weight, bias)

    def make(name: str | None) -> keras.Layer:
        return layer(epsilon=eps, scale=gamma is not None, center=beta is not None, name=name)

    arrays = [array for array in (gamma, beta) if array is not None]
    if not arrays:  # nothing tells such layers apart, and there is nothing to share
        return Value(make(None)(input.tensor))
    return Value(context.apply(input.tensor, [weight, bias], make, arrays, eps))


@operator("layer_norm")
def layer_norm(
    context: Context,
    input: Value,
    normalized_shape: Any,
    weight: Value | None = None,
    bias: Value | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = False,
) -> Value:
    """Normalisation over the last axes, in PyTorch's order."""
    sizes = wholes(normalized_shape)
    x = context.tensor(input)
    axes = tuple(range(-len(sizes), 0))
    centred = x - ops.mean(x, axis=axes, keepdims=True)
    x = centred * ops.rsqrt(ops.mean(ops.square(centred), axis=axes, keepdims=True) + eps)
    if weight is not None:
        x = x * context.parameter(weight)
    if bias is not None:
        x = added(x, context.parameter(bias))
    return Value.from_source(x)


@operator("native_layer_norm")
def native_layer_norm(
    context: Context, input: Value, normalized_shape: Any, weight: Value | None, bias: Value | None, eps: float
) -> tuple[Value, None, None]:
    """The same, as decomposed programs have it."""
    return layer_norm(context, input, normalized_shape, weight, bias, eps), None, None


def _channels(value: Value) -> int:
    """Return the axis of the channels, PyTorch's second."""
    return -1 if value.rank in (2, *CHANNELS_LAST_RANKS) else 1


def _vectors(*values: Value | None) -> list[np.ndarray | None]:
    """Return weights as vectors, None for what a normalisation does not have.

    Raises:
        OperatorError: they depend on the input.
    """
    return [None if value is None else constant_of(value).reshape(-1) for value in values]


@operator("_weight_norm")
def weight_norm(context: Context, v: Value, g: Value, dim: int = 0) -> Value:
    """Weights of a direction and a length (Salimans and Kingma 2016), which are constants."""
    direction = constant_of(v).astype(np.float64)
    axes = tuple(axis for axis in range(v.rank) if dim == -1 or axis != v.axis(dim))
    length = np.sqrt(np.square(direction).sum(axes, keepdims=True))
    name = f"{v.name.rpartition('.')[0]}.weight" if "." in v.name else v.name
    return Value((direction / length * constant_of(g)).astype(np.float32), name)
