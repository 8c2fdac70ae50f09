"""Texture as an autocorrelation: how alike pixels are that lie a few pixels apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from layers.spatial import crop
from losses.comparisons.correlations import correlations
from losses.loss import Loss, Node
from losses.pictures.opponent_colors import ROUNDING, opponent_colors

# Pixels between two that are compared, along each axis.
REACH = 4


class Autocorrelation(Loss):
    """The squared difference of covariances of pixels a few pixels apart, relative to the target: |C - C*|^2 / |C*|^2.

    Gonthier, Gousseau & Ladjal 2022, "High-Resolution Neural Texture Synthesis with Long-Range Constraints", have the
    autocorrelation among the constraints that tell apart what Gram matrices do not. It is the Fourier transform of
    the power spectrum; compared without a logarithm it weighs what is strong, which a spectrum's logarithm leaves
    loose: the variance of low frequencies, of which a picture holds few waves.

    Args:
        target: C*, as `correlations` gives it, of all planes.
        margins: (rows, columns) at each side of the pictures that do not count.
        wraps: whether the pictures repeat (vertically, horizontally).
    """

    def __init__(
        self, target: np.ndarray, margins: tuple[int, int] = (0, 0), wraps: tuple[bool, bool] = (False, False)
    ) -> None:
        self.target = np.asarray(target, np.float32)
        self.margins = margins
        self.wraps = wraps
        self.scale = float(np.sum(np.square(self.target, dtype=np.float64))) + ROUNDING**2

    @property
    def rows(self) -> list[np.ndarray]:
        """The target."""
        return [self.target]

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the one nameless term, of planes (batch, height, width, planes): the mean over the batch."""
        (target,) = rows or self.rows
        top, left = self.margins
        height, width = images.shape[1:3]
        inside = crop(images, top, left, height - 2 * top, width - 2 * left)
        found = correlations(inside, self.target.shape[1] - 1, self.wraps)
        wanted = ops.convert_to_tensor(target, dtype=found.dtype)
        return {"": ops.mean(ops.sum(ops.square(found - wanted), axis=(1, 2, 3))) / self.scale}

    def tree(self) -> Node:
        """Return a leaf."""
        return Node(f"autocorrelation up to {self.target.shape[1] - 1} pixels, relative to its target")


def joined_autocorrelation(sources: Sequence[np.ndarray], reach: int) -> np.ndarray:
    """Return the mean autocorrelation of luma and colour differences of several sources (height, width, 3)."""
    found = (correlations(opponent_colors(ops.convert_to_tensor(source[np.newaxis])), reach) for source in sources)
    return np.mean([ops.convert_to_numpy(values)[0] for values in found], axis=0)
