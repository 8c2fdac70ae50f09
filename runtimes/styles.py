"""The second input of a model of several styles: their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runtimes.graph import GraphError, TensorInfo

if TYPE_CHECKING:
    import numpy as np

# Its axes: (batch, styles).
STYLE_RANK = 2


def is_style_input(given: TensorInfo) -> bool:
    """Say whether an input takes the weights of styles."""
    return len(given.shape or ()) == STYLE_RANK


def style_row(given: TensorInfo, weights: Sequence[float]) -> np.ndarray:
    """Return what the input takes for one picture: float32 (1, styles), adding up to 1.

    Args:
        given: the input.
        weights: of the styles in their order, relative to each other.

    Raises:
        GraphError: there are not as many as styles, one is negative or not finite, or all are 0.
    """
    import numpy as np

    count = (given.shape or (None, None))[1]
    if not weights or count not in (None, len(weights)):
        raise GraphError(f"a weight for each of the model's {count or ''} styles is needed, not {len(weights)}")
    row = np.asarray([weights], np.float64)
    if not (np.isfinite(row).all() and row.min() >= 0 and row.max() > 0):
        raise GraphError("weights must be numbers of at least 0, one of them above 0")
    row /= row.max()  # the sum of large weights may be infinite
    return (row / row.sum()).astype(np.float32)
