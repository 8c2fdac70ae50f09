"""Total variation: how rough a picture is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from layers.replication_padding import ReplicationPadding2D
from layers.spatial import crop
from losses.loss import Loss, Node


class TotalVariation(Loss):
    """Squared differences of neighbouring pixels on a nine-point stencil, the mean over pixels and channels.

    2 * (mean dx^2 / 3 + mean dy^2 / 3 + (mean of the squares along each diagonal) / 12) with the edge pixels
    repeated once, the L2 total variation of Crowson's style-transfer-pytorch. The stencil treats all directions
    nearly alike, which the usual sum of dx^2 and dy^2 (Mahendran & Vedaldi 2015) does not.

    Args:
        relative_to: what the value is divided by, such as that of another picture; several take turns in a batch.
    """

    def __init__(self, relative_to: float | Sequence[float] = 1.0) -> None:
        self.relative_to = np.atleast_1d(np.asarray(relative_to, np.float32))

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the one nameless term."""
        if len(self.relative_to) == 1:
            return {"": total_variation(images) / float(self.relative_to[0])}
        each = total_variations(images)
        relative_to = ops.convert_to_tensor(np.resize(self.relative_to, each.shape[0]), dtype=each.dtype)
        return {"": ops.mean(each / relative_to)}

    def tree(self) -> Node:
        """Return a leaf."""
        values = ", ".join(f"{value:.4g}" for value in self.relative_to)
        relative = "" if values == "1" else f", relative to {values}"
        return Node(f"mean squared difference of neighbours (nine points){relative}")


class SummedTotalVariation(Loss):
    """`TotalVariation` as Torch7's texture networks scale it: the sum over pixels and channels, of values in 0..255."""

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the one nameless term."""
        height, width, channels = images.shape[1:]
        return {"": total_variation(images) * (255.0**2 * height * width * channels)}

    def tree(self) -> Node:
        """Return a leaf."""
        return Node("sum of squared differences of neighbours (nine points) of values in 0..255")


def total_variation(images: Any) -> Any:
    """Return TotalVariation's value of images (batch, height, width, channels), a scalar."""
    return ops.mean(total_variations(images))


def total_variations(images: Any) -> Any:
    """Return TotalVariation's value of each image, (batch,)."""
    height, width = images.shape[1:3]
    padded = ReplicationPadding2D(1, dtype=images.dtype)(images)
    corners = [[crop(padded, i, j, height + 1, width + 1) for j in (0, 1)] for i in (0, 1)]
    straight = sum(
        _mean_square(crop(padded, 1 + down, 1 + right, height, width) - images) for down, right in ((0, 1), (1, 0))
    )
    diagonal = _mean_square(corners[1][1] - corners[0][0]) + _mean_square(corners[1][0] - corners[0][1])
    return 2.0 * (straight / 3.0 + diagonal / 12.0)


def _mean_square(differences: Any) -> Any:
    return ops.mean(ops.square(differences), axis=(1, 2, 3))
