"""Progress of long runs, for observers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False, kw_only=True)
class RunProgress:
    """The progress of a run, passed to every observer after every iteration.

    Attributes:
        size: current size (height, width).
        iterations: iterations completed so far.
        max_iterations: iterations of the whole run.
        scale_iterations: iterations completed at the current size.
        max_scale_iterations: iterations at the current size.
        loss: current loss.
        terms: terms of the loss, by name.
        means: running means of the loss and its terms, for runs whose loss varies between batches; otherwise empty.
        frames: function that returns the current pictures, float32 (count, height, width, 3) in [0, 1].
        work_left: remaining share of the work, estimated from pixels and iterations.
        seconds: time so far, including earlier parts of an interrupted run.
        way_on: how to resume the run after an interruption, in words; "" if that is not possible.
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
    """Call every observer, and return whether one of them ends the run."""
    stopped = False
    for observer in observers:
        try:
            observer(progress)
        except StopIteration:
            stopped = True
    return stopped
