"""Texture as histograms: of colours, and of detail at every scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from losses.comparisons.quantiles import interpolated
from losses.loss import Loss, Node
from losses.pictures.opponent_colors import OPPONENT, ROUNDING, opponent_colors
from losses.pyramid import PyramidPadding, laplacian_pyramid

# Band-pass levels, from the finest on.
BANDS = 4
# Pixels a side of pictures that wrap around: what their pyramid halves last must have two.
MIN_WRAPPED_SIDE = 2 ** (BANDS - 1) + 1
# Numbers that a histogram is kept as.
QUANTILES = 8192


class Histograms(Loss):
    """The squared Wasserstein-2 distance of histograms, relative to the target's variance, of colours and detail.

    Heeger & Bergen 1995, "Pyramid-Based Texture Analysis/Synthesis", give noise the histograms of a texture and of
    its pyramid's bands in turn; Risser, Wilmot & Barnes 2017, "Stable and Controllable Neural Texture Synthesis and
    Style Transfer Using Histogram Losses", make histograms a loss. Here they are those of each plane
    of the picture and of its Laplacian pyramid's bands. In one dimension the distance is that of sorted values. Terms
    are named `colors`, `band0` (the finest) ...

    Args:
        targets: as `histograms` gives them.
        padding: of the pyramid, "replicate" or "circular" for each axis.
    """

    def __init__(self, targets: Sequence[np.ndarray], padding: PyramidPadding = ("replicate", "replicate")) -> None:
        self.targets = [np.asarray(target, np.float32) for target in targets]
        self.padding = padding

    @property
    def rows(self) -> list[np.ndarray]:
        """The targets."""
        return self.targets

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return a term of the colours and of each band, of planes (batch, height, width, planes)."""
        levels = _levels(images, len(self.targets) - 1, self.padding)
        names = ["colors", *(f"band{i}" for i in range(len(levels) - 1))]
        return {name: _distance(*pair) for name, *pair in zip(names, levels, rows or self.rows, strict=True)}

    def tree(self) -> Node:
        """Return a leaf."""
        return Node(f"histograms of colours and {len(self.targets) - 1} bands of detail, relative to their variances")


def histograms(sources: Sequence[np.ndarray], bands: int = BANDS) -> list[np.ndarray]:
    """Return the quantiles of opponent colours and their bands, of several sources together, (QUANTILES, 3) each.

    Args:
        sources: float32 (height, width, 3), large enough to be halved `bands` times.
        bands: of detail.
    """
    levels = [
        [ops.convert_to_numpy(level).reshape(-1, 3) for level in _levels(opponent_colors(source[np.newaxis]), bands)]
        for source in sources
    ]
    return [
        np.quantile(np.concatenate(parts), (np.arange(QUANTILES) + 0.5) / QUANTILES, axis=0)
        for parts in zip(*levels, strict=True)
    ]


def _levels(planes: Any, bands: int, padding: PyramidPadding = ("replicate", "replicate")) -> list[Any]:
    """Return the planes, and the band-pass levels of their pyramid."""
    return [planes, *(laplacian_pyramid(planes, bands, padding)[:-1] if bands else [])]


def _distance(values: Any, target: Any) -> Any:
    """Return what values (batch, height, width, planes) add to the distance from quantiles (QUANTILES, planes)."""
    quantiles = ops.convert_to_tensor(target, dtype=values.dtype)
    count, planes = values.shape[1] * values.shape[2], values.shape[3]
    ranked = ops.sort(ops.reshape(values, (-1, count, planes)), axis=1)
    squares = ops.mean(ops.square(ranked - interpolated(quantiles, count)), axis=(0, 1))
    return ops.sum(squares / (ops.var(quantiles, axis=0) + ROUNDING)) / len(OPPONENT)
