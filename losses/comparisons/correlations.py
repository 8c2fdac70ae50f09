"""Correlations of maps with themselves, shifted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from losses.features import Comparison

# Of the mean size of the channels' targets: weaker ones count as if they had so much.
MIN_CHANNEL_SHARE = 0.01


class CorrelationComparison(Comparison):
    """The squared difference of each channel's autocorrelation relative to its target, |C - C*|^2 / |C*|^2, on average.

    Sendik & Cohen-Or 2017, "Deep Correlations for Texture Synthesis": Gram matrices say which features occur
    together at a place; how one feature follows itself says how things are arranged. Theirs is the correlation
    at all shifts of the pictures' size; here it is that of a few positions, which pictures of any size have, of
    features without their mean; larger shifts are those of coarser octaves. Every channel counts alike, however
    strong it is: what is arranged are edges and lines, whose channels are weaker than those of plain areas. The whole
    map is needed, no strips of it.

    Args:
        target: C*, as `correlations` gives it, (2 * reach + 1, reach + 1, channels).
        wraps: whether the maps repeat (vertically, horizontally).
        least: what the |C*| of all channels together counts as at least.
    """

    def __init__(self, target: np.ndarray, wraps: tuple[bool, bool] = (False, False), least: float = 0.0) -> None:
        self.target = np.asarray(target, np.float32)
        self.wraps = wraps
        norms = np.sum(np.square(self.target, dtype=np.float64), axis=(0, 1))
        self._norms = np.maximum(norms, max(least**2 / norms.size, MIN_CHANNEL_SHARE * norms.mean()))

    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return the correlations."""
        return [correlations(ops.cast(features, "float32"), self.target.shape[1] - 1, self.wraps)]

    def distance(self, sums: Sequence[Any]) -> Any:
        """Return the loss of the only entry of `sums`, (batch, 2 * reach + 1, reach + 1, channels)."""
        (found,) = sums
        difference = found - ops.convert_to_tensor(self.target, dtype=found.dtype)
        norms = ops.convert_to_tensor(self._norms, dtype=found.dtype)
        return ops.mean(ops.sum(ops.square(difference), axis=(1, 2)) / norms)

    def __str__(self) -> str:
        return f"correlations up to {self.target.shape[1] - 1} positions, relative to their target"


def correlations(maps: Any, reach: int, wraps: tuple[bool, bool] = (False, False)) -> Any:
    """Return the covariance of each channel with itself, shifted by up to `reach` positions along each axis.

    Shifts that are opposite have the same, so that half of them are left out. Each is the mean over the positions
    that have one so far away, of values without the map's mean.

    Args:
        maps: (batch, height, width, channels), larger than `reach`.
        reach: positions.
        wraps: whether the maps repeat (vertically, horizontally).

    Returns:
        (batch, 2 * reach + 1, reach + 1, channels): vertical shifts -reach ... reach, horizontal ones 0 ... reach.
    """
    height, width = maps.shape[1:3]
    values = ops.transpose(maps - ops.mean(maps, axis=(1, 2), keepdims=True), (0, 3, 1, 2))
    extra = [0 if wrap else reach for wrap in wraps]
    values = ops.pad(values, ((0, 0), (0, 0), (0, extra[0]), (0, extra[1])))
    real, imaginary = ops.fft2((values, ops.zeros_like(values)))
    # The power is even, so that the transform back is that forth.
    power = ops.square(real) + ops.square(imaginary)
    sums, _ = ops.fft2((power, ops.zeros_like(power)))
    rows = ops.concatenate([sums[:, :, -reach:, : reach + 1], sums[:, :, : reach + 1, : reach + 1]], axis=2)
    lags = np.abs(np.arange(-reach, reach + 1))
    counts = [side - lags * (count > 0) for side, count in zip((height, width), extra, strict=True)]
    shares = 1.0 / (np.outer(counts[0], counts[1][reach:]) * (height + extra[0]) * (width + extra[1]))
    return ops.transpose(rows * ops.convert_to_tensor(shares, dtype=rows.dtype), (0, 2, 3, 1))
