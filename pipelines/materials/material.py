"""The result of the synthesis of a material."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from pipelines.materials.scores import Scores


@dataclass(frozen=True, eq=False)
class Material:
    """The maps of a synthesised surface.

    Attributes:
        maps: float32 (height, width, 1 or 3) by key; colours are sRGB-encoded, normals are stored as (n + 1) / 2.
        guesses: keys of the maps that were derived from the base colour or the height.
        tileable: directions in which the maps repeat: "none", "x", "y" or "both".
        scores: comparison with the source.
        iterations: number of iterations of the optimiser.
        seconds: total time.
        loss: final loss of the synthesis.
    """

    maps: dict[str, np.ndarray]
    guesses: tuple[str, ...]
    tileable: str
    scores: Scores
    iterations: int
    seconds: float
    loss: float
