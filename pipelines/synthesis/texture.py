"""What a synthesis gives to programs that hold pictures in memory; importing it loads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class Texture:
    """What a synthesis made.

    Attributes:
        frames: float32 (count, height, width, 3) in [0, 1].
        message: why the optimiser ended, in its words.
        iterations: in all.
        evaluations: in all.
        seconds: in all.
        loss: of the frames rounded to 8 bits, in float32.
        terms: of that loss, by name.
        stopped: whether an observer ended the run.
    """

    frames: np.ndarray
    message: str
    iterations: int
    evaluations: int
    seconds: float
    loss: float
    terms: dict[str, float]
    stopped: bool

    @property
    def pixels(self) -> np.ndarray:
        """The first frame, float32 (height, width, 3) in [0, 1]."""
        return self.frames[0]
