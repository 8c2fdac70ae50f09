"""TensorFlow's own kernels where they are quicker than a formula; imported under that backend alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from keras import ops

from layers.compat import in_xla_context, release_gradient

# In training mode the kernel adds up a channel in float32, pixel after pixel: its standard deviation is 1e-5 off
# at 512 x 512 pixels, 1e-4 at 1024 x 1024 and 3e-3 at 3072 x 3072 on two cores. Larger pictures go through the formula.
MAX_PIXELS = 1024 * 1024
# Of the square of the mean and the variance: beyond it, too little is left of the mean square after the subtraction.
MAX_MEAN_SQUARE = 1000.0
# The kernel at inference adds it to the variance, and cuDNN wants no less than 1e-5. One less this is a float32 number.
KERNEL_EPSILON = 2.0**-10

Kernel = Callable[[Any, Any, Any, float], tf.Tensor]


def instance_normalization(
    inputs: Any, gamma: Any, beta: Any, epsilon: float, plain: Callable[[Any], Any], training: bool | None
) -> tf.Tensor:
    """Normalise by fused batch normalisation, which on a batch of one is instance normalisation.

    At inference it gets moments that are exact to rounding. In training, and in half precision, it computes them
    itself, since its own gradient is the quickest. The `plain` formula is taken for what the kernel does not take
    (float64) or does badly: there, pictures of more than MAX_PIXELS, and graphs compiled by XLA, which would compute
    the variance as the difference of two large numbers (and fuses the formula by itself).
    """
    if in_xla_context() or inputs.dtype == tf.float64:
        return plain(inputs)
    channels = inputs.shape[-1]
    scale = tf.ones(channels) if gamma is None else tf.cast(gamma, tf.float32)
    offset = tf.zeros(channels) if beta is None else tf.cast(beta, tf.float32)
    if inputs.dtype == tf.float32 and not training:
        return _normalize_all(_normalize_by_moments, inputs, scale, offset, epsilon)
    height, width = ops.shape(inputs)[1:3]
    if None in inputs.shape[1:3]:
        return tf.cond(
            height * width <= MAX_PIXELS,
            lambda: _normalize_all(_normalize, inputs, scale, offset, epsilon),
            lambda: plain(inputs),
        )
    if height * width > MAX_PIXELS:
        return plain(inputs)
    return _normalize_all(_normalize, inputs, scale, offset, epsilon)


def _normalize_all(normalize: Kernel, inputs: Any, scale: Any, offset: Any, epsilon: float) -> tf.Tensor:
    """Call a kernel that takes one picture for a batch of any size.

    Of a known batch each picture goes through it; a batch of unknown size is folded into the channels, which for a
    batch of one moves nothing in memory.
    """
    batch = inputs.shape[0]
    if batch is None:
        return _normalize_folded(normalize, inputs, scale, offset, epsilon)
    pictures = tf.split(inputs, batch) if batch > 1 else [inputs]
    scales, offsets = (_of_each(values, batch) for values in (scale, offset))
    outputs = [normalize(*one, epsilon) for one in zip(pictures, scales, offsets, strict=True)]
    return tf.concat(outputs, axis=0) if batch > 1 else outputs[0]


def _of_each(values: tf.Tensor, batch: int) -> list[tf.Tensor]:
    """Return the values (channels,) of each picture, of (channels,) for all or (batch, channels)."""
    return [values] * batch if len(values.shape) == 1 else tf.unstack(values, batch)


def _normalize(inputs: Any, scale: Any, offset: Any, epsilon: float) -> tf.Tensor:
    """Call the raw kernel: `tf.nn.fused_batch_norm` raises epsilon to at least 1.001e-5.

    Its statistics are float32 for float16 and bfloat16 inputs.
    """
    unused = tf.zeros([0])
    return tf.raw_ops.FusedBatchNormV3(
        x=inputs, scale=scale, offset=offset, mean=unused, variance=unused, epsilon=epsilon, is_training=True
    ).y


def _normalize_by_moments(inputs: Any, scale: Any, offset: Any, epsilon: float) -> tf.Tensor:
    """Call the raw kernel for inference with the moments of one picture.

    TensorFlow's gradient takes the kernel's mean for a constant: the offset holds a difference that is zero but for its
    gradient.
    """
    mean, variance = moments(inputs, epsilon)
    factor = scale * tf.math.rsqrt(variance + epsilon)
    constant = tf.stop_gradient(mean)
    return normalize_channels(inputs, constant, factor, offset + (constant - mean) * factor)


def normalize_channels(inputs: Any, mean: Any, factor: Any, offset: Any) -> tf.Tensor:
    """Return (inputs - mean) * factor + offset in one pass, by the kernel for inference; the others are float32."""
    variance = tf.fill(tf.shape(mean), 1 - KERNEL_EPSILON)
    return tf.raw_ops.FusedBatchNormV3(
        x=inputs, scale=factor, offset=offset, mean=mean, variance=variance, epsilon=KERNEL_EPSILON, is_training=False
    ).y


def moments(inputs: Any, epsilon: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the means and variances (channels,) of a picture (1, height, width, channels), float32.

    Both come of sums over rows, which no operation writes to memory pixel by pixel; those are added up in float64.
    What is added to the variance, `epsilon`, tells how exact it must be.
    """
    rows = tf.cast(tf.reduce_mean(inputs, axis=2), tf.float64)
    norms = tf.cast(tf.raw_ops.EuclideanNorm(input=inputs, axis=2), tf.float64)
    mean = tf.reduce_mean(rows, axis=(0, 1))
    squares = tf.reduce_mean(tf.square(norms), axis=(0, 1)) / tf.cast(tf.shape(inputs)[2], tf.float64)
    variance = squares - tf.square(mean)
    means = tf.cast(mean, tf.float32)
    return means, tf.cond(
        tf.reduce_all(tf.square(mean) <= MAX_MEAN_SQUARE * (variance + epsilon)),
        lambda: tf.cast(variance, tf.float32),
        lambda: tf.reduce_mean(tf.reduce_mean(tf.math.squared_difference(inputs, means), axis=2), axis=(0, 1)),
    )


def _normalize_folded(normalize: Kernel, inputs: Any, scale: Any, offset: Any, epsilon: float) -> tf.Tensor:
    batch, height, width, channels = tf.unstack(tf.shape(inputs))
    folded = tf.reshape(tf.transpose(inputs, (1, 2, 0, 3)), (1, height, width, batch * channels))
    scales, offsets = (
        tf.tile(values, [batch]) if len(values.shape) == 1 else tf.reshape(values, [-1]) for values in (scale, offset)
    )
    outputs = normalize(folded, scales, offsets, epsilon)
    outputs = tf.transpose(tf.reshape(outputs, (height, width, batch, channels)), (2, 0, 1, 3))
    outputs.set_shape(inputs.shape)
    return outputs


def choose(condition: tf.Tensor, quick: Callable[[], Any], plain: Callable[[], Any]) -> tf.Tensor:
    """Return `quick()` or `plain()`."""
    return tf.cond(condition, quick, plain)


def matmul_transposed(values: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """Return the products of `values` with the transposed `matrices`."""
    return tf.matmul(values, matrices, transpose_b=True)


def map_in_turn(function: Callable[[Any], Any], items: tf.Tensor, shape: Sequence[Any], dtype: str) -> tf.Tensor:
    """Return the results of `function` for each of `items`, stacked."""
    result = tf.TensorSpec([size if isinstance(size, int) else None for size in shape], dtype)
    return tf.map_fn(function, items, fn_output_signature=result, parallel_iterations=1)


def traced_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` as a graph for each combination of shapes and constants."""
    graph = tf.function(function, autograph=False)
    # A variable would get a graph of its own.
    return lambda *tensors, **constants: graph(*map(tf.convert_to_tensor, tensors), **constants)


def call_with_gradient(function: Callable[[Any], tuple[Any, Any]], inputs: tf.Tensor) -> tf.Tensor:
    """Return the result of `function`, whose gradient goes when the graph goes that is being traced."""
    outputs = tf.custom_gradient(function)(inputs)
    if not tf.executing_eagerly():
        release_gradient(outputs)
    return outputs


def numbers_of(tensor: tf.Tensor) -> Any:
    """Return the numbers of a tensor where they are."""
    return tensor.__array__()
