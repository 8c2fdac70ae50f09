"""Content: the same things at the same places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from losses.features import Comparison


def relative_content_distance(features: Any, target: Any) -> Any:
    """Return the squared distance of activations relative to the target's size, the mean over the batch.

    |F - F*|^2 / |F*|^2 for each picture. Johnson et al. 2016, "Perceptual Losses for Real-Time Style Transfer", divide
    by the number of activations instead; relative to its own target the term is 1 for a picture without any
    activation, whatever the layer and the photo.

    Args:
        features: (batch, height, width, channels); half precision is squared and summed in float32.
        target: F*, the same shape.

    Returns:
        A scalar, float32.
    """
    features, target = _float32(features), _float32(target)
    axes = (1, 2, 3)
    distance = ops.mean(ops.square(features - target), axis=axes)
    # A photo without any activation at all (a black one, say) has nothing to be relative to.
    size = ops.maximum(ops.mean(ops.square(target), axis=axes), 1e-12)
    return ops.mean(distance / size)


def absolute_content_distance(features: Any, target: Any) -> Any:
    """Return the mean squared difference of activations, as Johnson et al. 2016 and Torch7's texture networks have it.

    Arguments and result as for `relative_content_distance`.
    """
    return ops.mean(ops.square(_float32(features) - _float32(target)))


class ContentComparison(Comparison):
    """The mean squared difference of scaled activations from those of the content, `absolute_content_distance`.

    Args:
        target: the content's activations (batch, height, width, channels), not yet scaled.
        scale: by which both are multiplied.
    """

    def __init__(self, target: np.ndarray, scale: float = 1.0) -> None:
        self.rows = (target,)
        self.scale = scale

    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return the mean squared difference, or what a part of the map adds to it."""
        (target,) = rows
        part = features.shape[1] * features.shape[2] / positions
        return [part * absolute_content_distance(features, target)]

    def distance(self, sums: Sequence[Any]) -> Any:
        """Return the loss of the only sum."""
        (difference,) = sums
        return self.scale**2 * difference

    def __str__(self) -> str:
        return f"mean squared difference of features times {self.scale:.4g}"


def _float32(values: Any) -> Any:
    return ops.cast(values, "float32")
