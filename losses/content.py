"""The content loss: squared differences of features at the same positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from losses.features import GIVEN, Comparison

# A photo without any activation at all (a black one, say) has nothing to be relative to.
MIN_SIZE = 1e-12


class ContentComparison(Comparison):
    """The mean squared difference of scaled activations from those of the content.

    Johnson et al. 2016, "Perceptual Losses for Real-Time Style Transfer", and Torch7's texture networks have it so.
    Half precision is squared and summed in float32.

    Args:
        target: the content's activations (batch, height, width, channels), not yet scaled; by default they come with
            each call.
        scale: by which both are multiplied.
    """

    def __init__(self, target: np.ndarray = GIVEN, scale: float = 1.0) -> None:
        self.rows = (target,)
        self.scale = scale

    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return the mean squared difference, or what a part of the map adds to it."""
        (target,) = rows
        return [_part(features, positions) * ops.mean(ops.square(_float32(features) - _float32(target)))]

    def distance(self, sums: Sequence[Any]) -> Any:
        """Return the loss of the only sum."""
        (difference,) = sums
        return self.scale**2 * difference

    def __str__(self) -> str:
        return f"mean squared difference of features times {self.scale:.4g}"


class RelativeContentComparison(Comparison):
    """The squared distance of activations relative to the target's size, |F - F*|^2 / |F*|^2, the mean over the batch.

    Johnson et al. 2016 divide by the number of activations instead; relative to its own target the term is 1 for a
    picture without any activation, whatever the layer and the photo. Half precision is summed in float32.

    Args:
        target: F*, (batch, height, width, channels); by default it comes with each call.
    """

    signature = (2,)

    def __init__(self, target: np.ndarray = GIVEN) -> None:
        self.rows = (target,)

    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return the mean squares (batch,) of the difference and of the target, or what a part adds to them."""
        (target,) = map(_float32, rows)
        values = (_float32(features) - target, target)
        return [_part(features, positions) * ops.mean(ops.square(value), axis=(1, 2, 3)) for value in values]

    def distance(self, sums: Sequence[Any]) -> Any:
        """Return the mean over the batch of the difference over the target's size."""
        difference, size = sums
        return ops.mean(difference / ops.maximum(size, MIN_SIZE))

    def __str__(self) -> str:
        return "squared difference of features, relative to their target"


def _part(features: Any, positions: int) -> float:
    """Return which part of the whole map's positions the features are."""
    return features.shape[1] * features.shape[2] / positions


def _float32(values: Any) -> Any:
    return ops.cast(values, "float32")
