"""What long runs tell those who watch them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False, kw_only=True)
class RunProgress:
    """What an observer of a run is told after every iteration.

    Attributes:
        size: (height, width) at which the run works.
        iterations: done in all.
        max_iterations: to be done in all.
        scale_iterations: done at this size.
        max_scale_iterations: to be done at this size.
        loss: the present loss.
        terms: its terms by name.
        means: running means of the loss and its terms, where a run has some: for losses that jump from batch to batch.
        frames: returns the present pictures, float32 (count, height, width, 3) in [0, 1].
        work_left: share of the run's work that is left, by pixels and iterations.
        seconds: spent so far, in all parts of an interrupted run.
        way_on: how the run can be taken up again after an interruption, as a user would say it; "" where it cannot.
    """

    size: tuple[int, int]
    iterations: int
    max_iterations: int
    scale_iterations: int
    max_scale_iterations: int
    loss: float
    terms: Mapping[str, float]
    frames: Callable[[], np.ndarray]
    work_left: float
    seconds: float
    way_on: str = ""
    means: Mapping[str, float] = field(default_factory=dict)


# It may raise StopIteration to end the run with the result so far.
Observer = Callable[[RunProgress], None]


def tell(observers: Sequence[Observer], progress: RunProgress) -> bool:
    """Tell every observer, and return whether one of them ends the run."""
    stopped = False
    for observer in observers:
        try:
            observer(progress)
        except StopIteration:
            stopped = True
    return stopped
