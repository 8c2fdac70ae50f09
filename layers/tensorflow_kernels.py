"""TensorFlow's own kernels where they are quicker than a formula; imported under that backend alone."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow.python.ops import control_flow_util


def instance_normalization(inputs: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    """Normalise picture by picture with fused batch normalisation in training mode, or return None.

    On a batch of one that is instance normalisation. The raw kernel is called since `tf.nn.fused_batch_norm`
    raises epsilon to 1.001e-5. Its statistics are float32 for float16 and bfloat16 inputs; float64 it does not
    take. Compiled by XLA it would compute the variance as the difference of two large numbers, so there the
    formula, which XLA fuses by itself, is better.
    """
    if inputs.dtype == tf.float64 or control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()):
        return None
    channels = inputs.shape[-1]
    scale = tf.ones(channels) if gamma is None else tf.cast(gamma, tf.float32)
    offset = tf.zeros(channels) if beta is None else tf.cast(beta, tf.float32)

    def normalize(picture: tf.Tensor) -> tf.Tensor:
        unused = tf.zeros([0])
        return tf.raw_ops.FusedBatchNormV3(
            x=picture, scale=scale, offset=offset, mean=unused, variance=unused, epsilon=epsilon, is_training=True
        ).y

    batch = inputs.shape[0]
    if batch == 1:
        return normalize(inputs)
    if batch:
        return tf.concat([normalize(picture) for picture in tf.split(inputs, batch)], axis=0)
    return tf.cond(
        tf.less_equal(tf.shape(inputs)[0], 1),
        lambda: normalize(inputs),
        lambda: tf.map_fn(lambda picture: normalize(picture[None])[0], inputs),
    )
