"""Features as distributions: histograms along channels, or along directions between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from losses.comparisons.moments import MIN_SHARE
from losses.comparisons.quantiles import interpolated
from losses.features import Comparison

# Numbers that a distribution is kept as.
QUANTILES = 4096


class SlicedWassersteinComparison(Comparison):
    """The squared Wasserstein-2 distance of features along directions, over their variance along all of them together.

    Heitz, Vanhoey, Chambon & Belcour 2021, "A Sliced Wasserstein Loss for Neural Texture Synthesis": features are
    projected on random directions, and sorted. Theirs are drawn anew in every step; these are fixed, since L-BFGS
    wants the same function all the time. With the channels themselves as directions it is the histogram loss of
    Risser, Wilmot & Barnes 2017, "Stable and Controllable Neural Texture Synthesis and Style Transfer Using Histogram
    Losses". The whole map is needed, no strips of it.

    Args:
        target: quantiles (QUANTILES, directions), as `feature_quantiles` gives them.
        directions: (channels, directions), of unit length.
    """

    def __init__(self, target: np.ndarray, directions: np.ndarray) -> None:
        self.target = np.asarray(target, np.float32)
        self.directions = np.asarray(directions, np.float32)
        size = float(np.mean(np.square(self.target, dtype=np.float64)))
        self._variance = max(float(np.mean(np.var(self.target, axis=0, dtype=np.float64))), MIN_SHARE**2 * size)

    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return the features along each direction, (batch, positions, directions), sorted."""
        return [_sorted(features, self.directions)]

    def distance(self, sums: Sequence[Any]) -> Any:
        """Return the loss of the only entry of `sums`."""
        (found,) = sums
        wanted = interpolated(ops.convert_to_tensor(self.target, dtype=found.dtype), found.shape[1])
        return ops.mean(ops.square(found - wanted)) / self._variance

    def __str__(self) -> str:
        channels, count = self.directions.shape
        return (
            f"sliced Wasserstein-2 distance along {count} directions of {channels} channels, relative to the variance"
        )


def random_directions(channels: int, count: int) -> np.ndarray:
    """Return `count` random directions (channels, count) of unit length, orthogonal as far as there are so many."""
    generator = np.random.default_rng(0)
    blocks = [np.linalg.qr(generator.standard_normal((channels, channels)))[0] for _ in range(-(-count // channels))]
    return np.concatenate(blocks, axis=1)[:, :count].astype(np.float32)


def feature_quantiles(features: Any, directions: np.ndarray) -> np.ndarray:
    """Return the quantiles (QUANTILES, directions) of a map (1, height, width, channels) along directions."""
    return ops.convert_to_numpy(interpolated(_sorted(features, directions)[0], QUANTILES))


def _sorted(features: Any, directions: np.ndarray) -> Any:
    batch, height, width, channels = features.shape
    flat = ops.reshape(ops.cast(features, "float32"), (batch, height * width, channels))
    # Along the last axis, which sorts several times faster.
    along = ops.transpose(ops.matmul(flat, ops.convert_to_tensor(directions)), (0, 2, 1))
    return ops.transpose(ops.sort(along, axis=-1), (0, 2, 1))
