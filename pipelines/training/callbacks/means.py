"""Running means of the losses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# Of the running means: each iteration's share, once there have been as many.
MEAN_ITERATIONS = 100


class RunningMeans:
    """The mean of each loss over about the last MEAN_ITERATIONS iterations.

    Args:
        losses: of the iterations so far, the first one first.
    """

    def __init__(self, losses: Iterable[Mapping[str, float]] = ()) -> None:
        self.count = 0
        self.values: dict[str, float] = {}
        for one in losses:
            self.add(one)

    def add(self, losses: Mapping[str, float]) -> None:
        """Take the losses of one more iteration."""
        self.count += 1
        share = 1 / min(self.count, MEAN_ITERATIONS)
        for name, value in losses.items():
            before = self.values.get(name, value)
            self.values[name] = before + share * (value - before)
