"""Losses that compare a descriptor's activations with a target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from losses.loss import Loss, Node, weighted_node


class Comparison(Protocol):
    """What compares one layer's activations, (batch, height, width, channels), with its target."""

    def __call__(self, features: Any) -> Any:
        """Return the loss, a scalar."""

    def __str__(self) -> str:
        """Return what is compared, for the printed tree."""


@dataclass(frozen=True)
class FeatureTerm:
    """One comparison of a layer's activations, times a weight."""

    layer: str
    comparison: Comparison
    weight: float = 1.0


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

    def terms(self, images: Any) -> dict[str, Any]:
        """Return the weighted comparisons."""
        features = self.descriptor(images)
        return {name: part.weight * part.comparison(features[part.layer]) for name, part in self.parts.items()}

    def tree(self) -> Node:
        """Return the comparisons with their weights."""
        leaves = (weighted_node(part.weight, name, Node(str(part.comparison))) for name, part in self.parts.items())
        return Node("features", tuple(leaves))
