"""What a synthesis of a material makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from pipelines.materials.scores import Scores


@dataclass(frozen=True, eq=False)
class Material:
    """A surface.

    Attributes:
        maps: float32 (height, width, 1 or 3) by key: colours sRGB-encoded, normals as (n + 1) / 2.
        guesses: keys of the maps that are derived.
        tileable: directions in which it repeats: "none", "x", "y" or "both".
        scores: beside the source.
        iterations: of the synthesis.
        seconds: of everything.
        loss: of the synthesis.
    """

    maps: dict[str, np.ndarray]
    guesses: tuple[str, ...]
    tileable: str
    scores: Scores
    iterations: int
    seconds: float
    loss: float
