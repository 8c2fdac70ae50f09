"""What a synthesis gives to programs that hold pictures in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class Texture:
    """What `texture_nets.synthesize` returns.

    Attributes:
        frames: float32 (count, height, width, 3) in [0, 1]; a single picture is `frames[0]`, or `pixels`.
        loss: of these frames, without unit.
        terms: of the loss, weighted, by name; they add up to it.
        iterations: of the optimiser, over all scales.
        message: the optimiser's reason to end.
    """

    frames: np.ndarray
    loss: float
    terms: dict[str, float]
    iterations: int
    message: str

    @property
    def pixels(self) -> np.ndarray:
        """The first frame, float32 (height, width, 3) in [0, 1]."""
        return self.frames[0]
