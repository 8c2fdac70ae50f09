"""Losses of a part of a picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.spatial import crop
from losses.loss import Loss, Node


class Inside(Loss):
    """A loss of what is left of pictures without their margins.

    Args:
        loss: of that part.
        margins: (rows, columns) at each side that it does not see.
    """

    def __init__(self, loss: Loss, margins: tuple[int, int]) -> None:
        self.loss = loss
        self.margins = margins

    @property
    def rows(self) -> list[np.ndarray]:
        """The constants of the loss."""
        return self.loss.rows

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the terms of the inner part."""
        top, left = self.margins
        height, width = images.shape[1] - 2 * top, images.shape[2] - 2 * left
        return self.loss.terms(crop(images, top, left, height, width), *rows)

    def tree(self) -> Node:
        """Return the loss, under what is cut off."""
        node = self.loss.tree()
        rows, columns = self.margins
        return Node(f"without {rows} rows and {columns} columns at each side: {node.label}", node.children)
