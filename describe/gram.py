"""Gram matrices: which features occur together, wherever they are in the picture."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def gram_matrix(features: Any) -> Any:
    """Return the Gram matrices of feature maps, divided by the number of positions.

    G[i, j] = sum over positions of F[position, i] * F[position, j] / (height * width), as in Gatys, Ecker &
    Bethge 2015, "Texture Synthesis Using Convolutional Neural Networks", and their program. It is divided by
    nothing else: Johnson et al. 2016 and the Keras texture script that this program replaces divide by the
    number of channels too.

    Args:
        features: (batch, height, width, channels), a tensor whose size is known when this runs.

    Returns:
        (batch, channels, channels). Features of half precision (float16 or bfloat16) are multiplied and
        summed in float32 and give a float32 result; others keep their type.
    """
    _, height, width, _ = ops.shape(features)
    total = gram_sum(features)
    return total / ops.cast(height * width, total.dtype)


def gram_sum(features: Any) -> Any:
    """Return `gram_matrix` times the number of positions: what a part of a picture adds to the whole."""
    dtype = keras.backend.result_type(features.dtype, "float32")
    batch, height, width, channels = ops.shape(features)
    flat = ops.reshape(ops.cast(features, dtype), (batch, height * width, channels))
    return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat)
