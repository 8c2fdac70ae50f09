"""A loss for every level of a Gaussian pyramid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from losses.loss import Loss, Node, path, shared_out
from losses.pyramid import PyramidPadding, gaussian_pyramid


class OctaveLosses(Loss):
    """The sum of losses of a picture's octaves; terms are named `octave0/...`, the full size first.

    Snelgrove 2017, "High-Resolution Multi-Scale Neural Texture Synthesis": the same statistics matched at several
    scales give structures larger than the descriptor sees at one.

    Args:
        losses: one for each octave.
        padding: of the pyramid, see `gaussian_pyramid`.
    """

    def __init__(self, losses: Sequence[Loss], padding: PyramidPadding) -> None:
        self.losses = list(losses)
        self.padding = padding

    @property
    def rows(self) -> list[np.ndarray]:
        """The constants of all octaves."""
        return [array for loss in self.losses for array in loss.rows]

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the terms of all octaves."""
        levels = gaussian_pyramid(images, len(self.losses), self.padding)
        shares = shared_out(rows, self.losses)
        return {
            path(f"octave{i}", term): value
            for i, (loss, level, own) in enumerate(zip(self.losses, levels, shares, strict=True))
            for term, value in loss.terms(level, *own).items()
        }

    def tree(self) -> Node:
        """Return the octaves."""
        nodes = [loss.tree() for loss in self.losses]
        return Node(
            f"octaves, padding {' and '.join(self.padding)}",
            tuple(Node(f"octave{i}: {node.label}", node.children) for i, node in enumerate(nodes)),
        )
