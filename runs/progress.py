"""What long runs tell those who watch them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class RunProgress:
    """What an observer of a run is told after every iteration.

    Attributes:
        size: (height, width) at which the run works.
        iterations: done in all.
        max_iterations: to be done in all.
        loss: the present loss.
        terms: its terms by name.
        frames: returns the present pictures, float32 (count, height, width, 3) in [0, 1].
        work_left: share of the run's work that is left, by pixels and iterations.
    """

    size: tuple[int, int]
    iterations: int
    max_iterations: int
    loss: float
    terms: Mapping[str, float]
    frames: Callable[[], np.ndarray]
    work_left: float
