"""Reporting the progress of a training run to observers, which may end it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import keras
import numpy as np

from pipelines.training.callbacks.iteration import IterationCallback
from pipelines.training.callbacks.means import RunningMeans
from pipelines.training.callbacks.previews import Previews
from pipelines.training.callbacks.saving import take_over_weights
from pipelines.training.stages import Stage, stage_of, work_left
from runs.progress import Observer, RunProgress, tell


class Observed(IterationCallback):
    """Tells observers of every iteration, and ends the run where one of them raises StopIteration.

    Args:
        first: iterations done before.
        last: iterations when the run is complete.
        observers: told after every iteration.
        means: of the losses of the iterations before.
        stages: of the run.
        result: generator that takes over the trained weights where an observer asks for pictures.
        previews: which it then makes.
        context: in which this is done, see Devices.outside.
        is_interrupted: says whether a signal wants the run to end.
        way_on: how an interrupted run goes on, see RunProgress.

    Attributes:
        stopped_at: the iteration after which an observer ended the run, or None.
    """

    def __init__(
        self,
        first: int,
        last: int,
        *,
        observers: Sequence[Observer],
        means: RunningMeans,
        stages: Sequence[Stage],
        result: keras.Model,
        previews: Previews,
        context: Callable[[], AbstractContextManager],
        is_interrupted: Callable[[], bool],
        way_on: str,
    ) -> None:
        super().__init__(first, last)
        self.observers = observers
        self.means = means
        self.stages = stages
        self.result = result
        self.previews = previews
        self.context = context
        self.is_interrupted = is_interrupted
        self.way_on = way_on
        self.start = time.perf_counter()
        self.stopped_at: int | None = None

    def on_iteration_end(self, iteration: int, losses: Mapping[str, float]) -> None:
        """Tell the observers."""
        self.means.add(losses)
        terms = {name: value for name, value in losses.items() if name != "loss"}
        stage = stage_of(self.stages, iteration - 1)
        progress = RunProgress(
            size=(stage.size, stage.size),
            iterations=iteration,
            max_iterations=self.last,
            scale_iterations=iteration - stage.first,
            max_scale_iterations=stage.last - stage.first,
            loss=losses["loss"],
            terms=terms,
            frames=self._frames,
            work_left=work_left(self.stages, iteration),
            seconds=time.perf_counter() - self.start,
            way_on=self.way_on,
            means=self.means.values,
        )
        if tell(self.observers, progress) or self.is_interrupted():
            self.stopped_at = iteration
            self.model.stop_training = True

    def _frames(self) -> np.ndarray:
        with self.context():
            take_over_weights(self.result, self.model)
            return self.previews.sheet()[np.newaxis]
