"""The result of a synthesis in memory; importing this module imports no other package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class Texture:
    """A synthesised texture.

    Attributes:
        frames: float32 (count, height, width, 3) in [0, 1].
        message: the optimiser's reason for termination.
        iterations: total number of iterations.
        evaluations: total number of evaluations of the loss.
        seconds: total time.
        loss: loss of the frames rounded to 8 bits, computed in float32.
        terms: terms of that loss, by name.
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
