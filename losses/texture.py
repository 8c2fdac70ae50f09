"""Texture as Gram matrices, of the whole picture or of regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from describe.gram import gram_sum
from errors import UserError
from losses.features import Comparison


class GramComparison(Comparison):
    """The squared distance of Gram matrices relative to the target's size: |G - G*|^2 / |G*|^2.

    |.| is the Frobenius norm; the mean over the batch is taken, so that each of several frames matches the target.
    Gatys, Ecker & Bethge 2015, "Texture Synthesis Using Convolutional Neural Networks", divide by the layer's
    4 * positions^2 * filters^2 instead. Relative to its own target, a term is 1 for a black picture whatever the
    layer and the texture, and weights of 1 mean the same everywhere. Sums are in float32 also for half precision.

    Args:
        target: G*, (channels, channels), as `gram_matrix` gives it; or those of several styles, which take turns in a
            batch: (styles, channels, channels).

    Raises:
        UserError: a target is all zero, or not finite.
    """

    def __init__(self, target: np.ndarray) -> None:
        self.target = np.asarray(target)
        self._norm = _squared_norm(self.target)

    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return the Gram matrices, or a part of them."""
        return [gram_sum(features) / float(positions)]

    def distance(self, sums: Sequence[Any]) -> Any:
        """Return the loss of the only entry of `sums`, Gram matrices (batch, channels, channels)."""
        (gram,) = sums
        return _relative_distance(gram, self.target, self._norm)

    def __str__(self) -> str:
        return f"{_described(self.target)}, relative to its target"


class AbsoluteGramComparison(Comparison):
    """The mean squared difference of Gram matrices divided by positions and channels: Torch7's texture networks'.

    Their texture loss has the Gram matrix over the number of activations, and nn.MSECriterion's mean over its entries,
    for activations of pixels in 0..255.

    Args:
        target: (channels, channels), as `gram_matrix` gives it, or those of several styles as in `GramComparison`.
    """

    def __init__(self, target: np.ndarray) -> None:
        self.target = np.asarray(target)

    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return the Gram matrices, or a part of them."""
        return [gram_sum(features) / float(positions)]

    def distance(self, sums: Sequence[Any]) -> Any:
        """Return the mean squared difference of the only entry of `sums`."""
        (gram,) = sums
        return ops.mean(ops.square(_difference(gram, self.target))) / self.target.shape[-1] ** 2

    def __str__(self) -> str:
        return f"{_described(self.target)} over channels, mean squared difference"


class GuidedGramComparison(Comparison):
    """The mean over regions of GramComparison's distance, each region with a Gram matrix of its own.

    Gatys, Ecker, Bethge, Hertzmann & Shechtman 2016, "Controlling Perceptual Factors in Neural Style Transfer",
    section 4, guided Gram matrices.

    Args:
        targets: for each region G*, (channels, channels), as `guided_gram_matrix` gives it.
        guides: for each region its guide (height, width) at this layer, in [0, 1].
        weights: of the regions in the mean; none: they weigh the same, whatever their size.

    Raises:
        ValueError: a target is all zero or not finite, a guide is all zero, or their numbers differ.
    """

    def __init__(
        self, targets: Sequence[np.ndarray], guides: Sequence[np.ndarray], weights: Sequence[float] = ()
    ) -> None:
        self._targets = [(np.asarray(target), _squared_norm(np.asarray(target))) for target in targets]
        if len(guides) != len(self._targets) or not all(np.sum(guide) > 0 for guide in guides):
            raise ValueError(f"{len(self._targets)} regions need as many guides, none of them empty")
        self._shares = np.asarray(weights or [1.0] * len(guides)) / (sum(weights) or len(guides))
        self.rows = tuple(_root(guide) for guide in guides)
        self.signature = (len(guides),)

    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return the regions' Gram matrices, or a part of them."""
        return [_guided_sum(features, root) for root in rows]

    def distance(self, sums: Sequence[Any]) -> Any:
        """Return the loss of the regions' Gram matrices (batch, channels, channels)."""
        parts = zip(self._shares, sums, self._targets, strict=True)
        return sum(float(share) * _relative_distance(gram, target, norm) for share, gram, (target, norm) in parts)

    def __str__(self) -> str:
        return f"Gram matrices of {len(self._targets)} regions, relative to their targets"


def guided_gram_matrix(features: Any, guide: np.ndarray) -> Any:
    """Return the Gram matrices of a region, divided by the region's size in positions.

    G[i, j] = sum of guide * F_i * F_j over positions / sum of the guide. This is the paper's guided Gram matrix
    with T^2 = guide / sum of the guide.

    Args:
        features: (batch, height, width, channels).
        guide: (height, width), the share of each position that belongs to the region, in [0, 1].

    Returns:
        (batch, channels, channels), float32 for features of half precision.

    Raises:
        ValueError: the guide is all zero.
    """
    if not np.sum(guide) > 0:
        raise ValueError("the region has no positions at this layer")
    return _guided_sum(features, _root(guide))


def _root(guide: np.ndarray) -> np.ndarray:
    """Return T of the paper, (1, height, width, 1) float32: the sum of its squares is 1."""
    return np.sqrt(guide / np.sum(guide)).astype(np.float32)[np.newaxis, ..., np.newaxis]


def _guided_sum(features: Any, root: Any) -> Any:
    dtype = keras.backend.result_type(features.dtype, "float32")
    return gram_sum(ops.cast(features, dtype) * ops.convert_to_tensor(root, dtype=dtype))


def _relative_distance(gram: Any, target: np.ndarray, squared_norm: np.ndarray) -> Any:
    """Return the mean over the batch of |gram - target|^2 / squared_norm."""
    distances = ops.sum(ops.square(_difference(gram, target)), axis=(1, 2))
    return ops.mean(distances / _in_turn(squared_norm, distances))


def _difference(gram: Any, target: np.ndarray) -> Any:
    """Return the Gram matrices (batch, channels, channels) minus the target, or minus those of styles in turn."""
    return gram - (_in_turn(target, gram) if target.ndim > 2 else ops.convert_to_tensor(target, dtype=gram.dtype))


def _in_turn(values: np.ndarray, pictures: Any) -> Any:
    """Return the value of each picture of a batch, whose styles take turns; `values` are those of the styles."""
    repeated = np.resize(values, (pictures.shape[0], *values.shape[1:])) if values.ndim else values
    return ops.convert_to_tensor(repeated, dtype=pictures.dtype)


def _squared_norm(target: np.ndarray) -> np.ndarray:
    """Return the squared norm of a Gram matrix, or those of several."""
    norms = np.sum(np.square(target, dtype=np.float64), axis=(-2, -1))
    for norm in norms.flat:
        if norm == 0:
            raise UserError("all features are 0: check the weights and the picture")
        if not norm < np.inf:
            raise UserError(f"the target Gram matrix has the squared norm {norm:g}")
    return norms


def _described(target: np.ndarray) -> str:
    *styles, height, width = target.shape
    return f"Gram matrices {height} x {width} of {styles[0]} styles" if styles else f"Gram matrix {height} x {width}"
