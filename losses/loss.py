"""What every loss is: named terms that add up, printable as a tree."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Node:
    """A line of the printed tree, and what stands below it."""

    label: str
    children: tuple[Node, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield the lines of the tree, this one first."""
        yield self.label
        for child in self.children:
            last = child is self.children[-1]
            first, *rest = child.lines()
            yield ("└── " if last else "├── ") + first
            yield from (("    " if last else "│   ") + line for line in rest)


class Loss(abc.ABC):
    """How far pictures are from what is wanted, as a sum of named terms.

    `loss(images)` returns (the sum, the terms), which is what `optimize.value_and_grad` takes; `str(loss)` is the
    tree of its parts with their weights. Images are (batch, height, width, 3), RGB in [0, 1].
    """

    @abc.abstractmethod
    def terms(self, images: Any) -> dict[str, Any]:
        """Return the weighted terms by name, scalars, in the order in which they are computed."""

    @abc.abstractmethod
    def tree(self) -> Node:
        """Return the tree of parts."""

    def __call__(self, images: Any) -> tuple[Any, dict[str, Any]]:
        """Return (the sum of the terms, the terms)."""
        terms = self.terms(images)
        return sum(terms.values()), terms

    def __str__(self) -> str:
        return "\n".join(self.tree().lines())


class WeightedSum(Loss):
    """Losses times weights; the terms are named `part/term`, or `part` where a part has a single nameless term.

    Args:
        parts: name to (weight, loss).
    """

    def __init__(self, parts: Mapping[str, tuple[float, Loss]]) -> None:
        self.parts = dict(parts)

    def terms(self, images: Any) -> dict[str, Any]:
        """Return the weighted terms of all parts."""
        return {
            path(name, term): weight * value
            for name, (weight, loss) in self.parts.items()
            for term, value in loss.terms(images).items()
        }

    def tree(self) -> Node:
        """Return the parts with their weights."""
        return Node(
            "sum", tuple(weighted_node(weight, name, loss.tree()) for name, (weight, loss) in self.parts.items())
        )


def path(part: str, term: str) -> str:
    """Return the name of a part's term; the nameless term ("") of a part is called like the part."""
    return f"{part}/{term}" if term else part


def weighted_node(weight: float, name: str, node: Node) -> Node:
    """Return `node` under the label `weight x name: its own label`."""
    return Node(f"{weight:g} x {name}: {node.label}", node.children)
