"""Light and colour told apart, as the eye does and as JPEG files do."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from losses.loss import Loss, Node

# Luma, blue minus luma and red minus luma (Rec. 601, full range), from RGB; one column each.
OPPONENT = np.array([[0.299, -0.168736, 0.5], [0.587, -0.331264, -0.418688], [0.114, 0.5, -0.081312]], np.float32)
# The way back; one row for each plane.
OPPONENT_INVERSE = np.linalg.inv(OPPONENT.astype(np.float64)).astype(np.float32)
# Variance of rounding to 8 bits, which no picture file falls below: weaker detail counts no more.
ROUNDING = 1 / 12 / 255**2


def opponent_colors(images: Any) -> Any:
    """Return luma, blue difference and red difference of images (batch, height, width, 3), in the same shape."""
    return ops.matmul(images, ops.convert_to_tensor(OPPONENT, dtype=images.dtype))


class OpponentColors(Loss):
    """A loss of luma and the colour differences of pictures, to which each of the three planes adds its share.

    Of a large picture they can be computed one after another, so that what a gradient needs is kept of one alone.

    Args:
        loss: of planes (batch, height, width, planes), of which those given are a part; the last axis of its rows is
            that of the planes.
    """

    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    @property
    def rows(self) -> list[np.ndarray]:
        """The constants of the loss, for all three planes."""
        return self.loss.rows

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the terms of the loss."""
        return self.loss.terms(opponent_colors(images), *(rows or self.rows))

    def tree(self) -> Node:
        """Return the loss, under the colours."""
        return Node("luma and colour differences", (self.loss.tree(),))
