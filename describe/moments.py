"""Mean and second raw moment of feature maps, of whole maps or summed over strips: the statistics of style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops


class Moments(NamedTuple):
    """First two moments of features over positions.

    Unlike a covariance they may be averaged, over strips of a picture or over several styles.

    Attributes:
        mean: (channels,), float32.
        second: (channels, channels), the mean of F F^T, float32: the Gram matrix divided by positions.
    """

    mean: Any
    second: Any

    def scaled(self, factor: float) -> Moments:
        """Return the moments of features times `factor`."""
        return Moments(self.mean * factor, self.second * factor**2)

    def covariance(self) -> Any:
        """Return the covariance, divided by positions, (channels, channels)."""
        return self.second - self.mean[:, None] * self.mean[None, :]

    def numpy(self) -> Moments:
        """Return the moments as float32 arrays."""
        return Moments(*(np.array(ops.convert_to_numpy(value), np.float32) for value in self))


def feature_moments(features: Any, share: Any | None = None) -> Moments:
    """Return the moments of features, or what a part of a picture or a region adds to them.

    Differentiable in functions of the moments that do not tell the second from its transpose.

    Args:
        features: (1, height, width, channels); half precision is multiplied and summed in float32.
        share: what each position counts, the sum over the whole picture being 1: an array (height, width), with axes of
            length 1 around it or not, or a number where all count the same; None: the features are the whole picture,
            and all count the same.
    """
    _, height, width, _ = features.shape
    features = ops.cast(features, "float32")
    if share is None:
        share = 1.0 / (height * width)
    share = ops.convert_to_tensor(share, dtype="float32")
    if len(share.shape) == 0:
        return Moments(_sum(features) * share, _gram(features, features) * share)
    weighted = features * ops.reshape(share, (1, height, width, 1))
    return Moments(_sum(weighted), _gram(weighted, features))


def _sum(features: Any) -> Any:
    """Return the sum over positions, (channels,), by rows: where all are alike a running sum would lose digits."""
    return ops.sum(ops.sum(features, axis=2), axis=(0, 1))


def _gram(weighted: Any, features: Any) -> Any:
    """Return W^T F (channels, channels), where W is F with weighted positions, so that the result is symmetric.

    Differentiated as it stands it takes two products of large matrices, one by W and one by F, which are the same
    where the gradient by the result is symmetric, as that of every distance here. So W is a constant and F counts
    twice.
    """
    weighted, flat = (ops.reshape(values, (-1, features.shape[-1])) for values in (weighted, features))
    gram = ops.matmul(ops.transpose(ops.stop_gradient(weighted)), flat)
    return 2.0 * gram - ops.stop_gradient(gram)


def blend(moments: Sequence[Moments], weights: Sequence[float]) -> Moments:
    """Return the weighted sum of moments; the weights add up to 1."""
    mean, second = (
        sum(weight * value for weight, value in zip(weights, values, strict=True))
        for values in zip(*moments, strict=True)
    )
    return Moments(mean, second)
