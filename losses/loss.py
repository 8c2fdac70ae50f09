"""The interface of all losses: named terms that add up, printable as a tree."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


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

    `loss(images, *loss.rows)` returns (the sum, the terms), which is what `optimize.value_and_grad` takes; `str(loss)`
    is the tree of its parts with their weights. Images are (batch, height, width, 3), RGB in [0, 1].
    """

    @property
    def rows(self) -> list[np.ndarray]:
        """Large constants of the loss (targets, guides), which go into its compiled function as arguments."""
        return []

    @abc.abstractmethod
    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the weighted terms by name, scalars, in the order in which they are computed.

        Args:
            images: (batch, height, width, 3).
            rows: what the attribute `rows` holds; nothing: the same.
        """

    @abc.abstractmethod
    def tree(self) -> Node:
        """Return the tree of parts."""

    def __call__(self, images: Any, *rows: Any) -> tuple[Any, dict[str, Any]]:
        """Return (the sum of the terms, the terms); arguments as for `terms`."""
        terms = self.terms(images, *rows)
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

    @property
    def rows(self) -> list[np.ndarray]:
        """The constants of all parts."""
        return [array for _, loss in self.parts.values() for array in loss.rows]

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the weighted terms of all parts."""
        shares = shared_out(rows, [loss for _, loss in self.parts.values()])
        return {
            path(name, term): weight * value
            for (name, (weight, loss)), own in zip(self.parts.items(), shares, strict=True)
            for term, value in loss.terms(images, *own).items()
        }

    def tree(self) -> Node:
        """Return the parts with their weights."""
        return Node(
            "sum", tuple(weighted_node(weight, name, loss.tree()) for name, (weight, loss) in self.parts.items())
        )


class Totals(Loss):
    """A loss whose terms are added up by group: `octave1/style/relu2_1` counts to `style`.

    Args:
        loss: whose terms have the name of one group each as a part of theirs.
        groups: names of the totals, in their order.
    """

    def __init__(self, loss: Loss, groups: Sequence[str]) -> None:
        self.loss = loss
        self.groups = tuple(groups)

    @property
    def rows(self) -> list[np.ndarray]:
        """The constants of the loss."""
        return self.loss.rows

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the totals of the groups."""
        totals: dict[str, Any] = dict.fromkeys(self.groups, 0)
        for name, value in self.loss.terms(images, *rows).items():
            (group,) = set(name.split("/")) & set(self.groups)
            totals[group] += value
        return totals

    def tree(self) -> Node:
        """Return the loss, under the totals."""
        return Node(f"totals of {', '.join(self.groups)}", (self.loss.tree(),))


def shared_out(rows: Sequence[Any], losses: Sequence[Loss]) -> list[list[Any]]:
    """Return the constants of each of several losses, given those of all; none stay none."""
    values = iter(rows)
    return [[next(values) for _ in loss.rows] if rows else [] for loss in losses]


def path(part: str, term: str) -> str:
    """Return the name of a part's term; the nameless one ("") of the two is left out."""
    return f"{part}/{term}" if part and term else part or term


def weighted_node(weight: float, name: str, node: Node) -> Node:
    """Return `node` under the label `weight x name: its own label`."""
    return Node(f"{weight:g} x {name}: {node.label}" if name else f"{weight:g} x {node.label}", node.children)
