"""Losses that compare a descriptor's activations with a target."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from losses.loss import Loss, Node, weighted_node

# Stands among the rows of a comparison for a target that comes with each call.
GIVEN = np.zeros((0, 0, 0, 0), np.float32)


class Comparison(abc.ABC):
    """What compares one layer's activations with its target, by sums over positions, so that strips add up.

    Attributes:
        rows: arrays (batch or 1, height, width, ...) that go with the positions: guides, targets; or GIVEN.
        signature: see `describe.descriptor.Statistic`.
    """

    rows: Sequence[np.ndarray] = ()
    signature: tuple[int, ...] = (1,)

    @abc.abstractmethod
    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return what some rows of the map add to the sums; see `describe.descriptor.Statistic`."""

    @abc.abstractmethod
    def distance(self, sums: Sequence[Any]) -> Any:
        """Return the loss of the whole map's sums, a scalar."""

    @abc.abstractmethod
    def __str__(self) -> str:
        """Return what is compared, for the printed tree."""

    def __call__(self, features: Any, *rows: Any) -> Any:
        """Return the loss of activations (batch, height, width, channels); rows as for `Loss.terms`."""
        positions = features.shape[1] * features.shape[2]
        return self.distance(self.sums(features, positions, *(rows or self.rows)))


@dataclass(frozen=True, eq=False)
class FeatureTerm:
    """One comparison of a layer's activations, times a weight."""

    layer: str
    comparison: Comparison
    weight: float = 1.0

    @property
    def rows(self) -> Sequence[np.ndarray]:
        """Those of the comparison."""
        return self.comparison.rows

    @property
    def signature(self) -> tuple[int, ...]:
        """That of the comparison."""
        return self.comparison.signature

    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return the comparison's sums."""
        return self.comparison.sums(features, positions, *rows)

    def distance(self, sums: Sequence[Any]) -> Any:
        """Return the weighted loss of the whole map's sums."""
        return self.weight * self.comparison.distance(sums)


class FeatureLoss(Loss):
    """A sum of comparisons of the activations of one descriptor, which runs once for all of them.

    Args:
        descriptor: from images to {layer: activations}, such as the models of `model.descriptor`.
        parts: name of the term to its comparison, in the order of the layers, so that the first term which is not
            a number tells the layer where that began.
    """

    def __init__(self, descriptor: Callable[[Any], Mapping[str, Any]], parts: Mapping[str, FeatureTerm]) -> None:
        self.descriptor = descriptor
        self.parts = dict(parts)

    @property
    def rows(self) -> list[np.ndarray]:
        """The arrays of all comparisons."""
        return [array for part in self.parts.values() for array in part.rows]

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the weighted comparisons."""
        features = self.descriptor(images)
        values = iter(rows or self.rows)
        return {
            name: part.weight * part.comparison(features[part.layer], *(next(values) for _ in part.rows))
            for name, part in self.parts.items()
        }

    def tree(self) -> Node:
        """Return the comparisons with their weights."""
        leaves = (weighted_node(part.weight, name, Node(str(part.comparison))) for name, part in self.parts.items())
        return Node("features", tuple(leaves))
