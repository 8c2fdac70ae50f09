"""Features as a Gaussian: their means and covariances, each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from describe.gram import gram_sum
from losses.features import Comparison

# Where a picture is of one colour its features do not vary, and nothing can be relative to how they do: what varies
# by less than this share of the features' size counts as if it varied by as much.
MIN_SHARE = 1e-3


class MomentComparison(Comparison):
    """The squared differences of means and covariances, each relative to its target.

    It is |m - m*|^2 / |m*|^2 + |C - C*|^2 / |C*|^2, the mean over the batch.

    Li, Wang, Liu & Hou 2017, "Demystifying Neural Style Transfer", show that Gram matrices are one of several ways to
    compare distributions, batch statistics another. A Gram matrix is m m^T + C: rectified features have means that
    outweigh what they vary by, which is left loose; here both count alike.

    Args:
        mean: m*, (channels,).
        covariance: C*, (channels, channels).
    """

    signature = (2,)

    def __init__(self, mean: np.ndarray, covariance: np.ndarray) -> None:
        self.mean = np.asarray(mean, np.float32)
        self.covariance = np.asarray(covariance, np.float32)
        size, varying = (float(np.sum(np.square(values, dtype=np.float64))) for values in (self.mean, self.covariance))
        self._norms = size, max(varying, (MIN_SHARE * size) ** 2)

    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return the means (batch, channels) and Gram matrices, or a part of them."""
        features = ops.cast(features, "float32")
        return [ops.sum(features, axis=(1, 2)) / float(positions), gram_sum(features) / float(positions)]

    def distance(self, sums: Sequence[Any]) -> Any:
        """Return the loss of means and Gram matrices (batch, channels, channels)."""
        mean, second = sums
        covariance = second - mean[:, :, None] * mean[:, None, :]
        differences = mean - ops.convert_to_tensor(self.mean), covariance - ops.convert_to_tensor(self.covariance)
        squares = (ops.sum(ops.square(values)) / values.shape[0] for values in differences)
        return sum(square / norm for square, norm in zip(squares, self._norms, strict=True))

    def __str__(self) -> str:
        return f"means and covariance {len(self.mean)} x {len(self.mean)}, each relative to its target"
