"""The stages of a training run: sizes of crops, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Stage:
    """Iterations with crops of one size.

    Attributes:
        size: side of the crops in pixels.
        batch_size: pictures per step.
        first: number of its first iteration, counted from 0.
        last: that of the next stage's.
    """

    size: int
    batch_size: int
    first: int
    last: int

    @property
    def work(self) -> int:
        """What its iterations take, in pixels."""
        return (self.last - self.first) * self.batch_size * self.size**2


def plan_stages(sizes: Sequence[int], batch_size: int, iterations: int, *, multiple: int = 1) -> tuple[Stage, ...]:
    """Return the stages of a run, which have equal shares of its iterations; those without any are left out.

    Args:
        sizes: of the crops, in pixels, in the order of the stages.
        batch_size: pictures per step at the first size. At others it changes so that a step has about as many
            pixels, and takes as much time and memory.
        iterations: steps of the whole run.
        multiple: what the other stages' batch sizes are multiples of: the number of styles, which take turns.
    """
    bounds = [round(iterations * number / len(sizes)) for number in range(len(sizes) + 1)]
    stages = []
    for number, size in enumerate(sizes):
        groups = round(batch_size * sizes[0] ** 2 / size**2 / multiple)
        fitting = batch_size if number == 0 else max(1, groups) * multiple
        stages.append(Stage(size, fitting, bounds[number], bounds[number + 1]))
    return tuple(stage for stage in stages if stage.first < stage.last)


def divisible(stages: Sequence[Stage], unit: int) -> tuple[Stage, ...]:
    """Return the stages with the batch sizes that were not asked for, all but the first, made multiples of `unit`."""
    asked = stages[0].batch_size
    return tuple(
        replace(stage, batch_size=max(1, round(stage.batch_size / unit)) * unit) if stage.batch_size != asked else stage
        for stage in stages
    )


def work_left(stages: Sequence[Stage], iteration: int) -> float:
    """Return which share of a run's work is left after so many iterations, by pixels."""
    left = 0.0
    for stage in stages:
        share = (stage.last - max(stage.first, iteration)) / (stage.last - stage.first)
        left += max(0.0, share) * stage.work
    return left / sum(stage.work for stage in stages)


def samples_before(stages: Sequence[Stage], iteration: int) -> int:
    """Return how many samples the iterations before this one have taken: the number of its first sample."""
    return sum(
        (min(stage.last, iteration) - stage.first) * stage.batch_size for stage in stages if stage.first < iteration
    )


def stage_of(stages: Sequence[Stage], iteration: int) -> Stage:
    """Return the stage to which an iteration, counted from 0, belongs."""
    return next(stage for stage in stages if iteration < stage.last)
