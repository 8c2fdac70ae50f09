"""The run of a style transfer through its scales."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from keras import ops

from images.color import transfer_luma
from images.resizing import resize
from optimize.adam import AdamState, minimize_adam
from optimize.averaging import RunningAverage
from optimize.enlarging import enlarge_bicubic
from optimize.lbfgs import minimize_lbfgs
from optimize.progress import Evaluate, Iteration
from pipelines.transfer.files import State, TransferFiles
from pipelines.transfer.inputs import TransferInputs
from pipelines.transfer.objective import Objectives
from pipelines.transfer.settings import TransferSettings
from runs.progress import RunProgress
from web.memory import memory_in_use

# Pairs of L-BFGS' memory of curvatures, as in the original.
MAXCOR = 10


@dataclass(frozen=True, eq=False)
class Progress(RunProgress):
    """What an observer of this run is told besides.

    Attributes:
        scale_iterations: done at this size.
        max_scale_iterations: to be done at this size.
        seconds: spent so far.
    """

    scale_iterations: int
    max_scale_iterations: int
    seconds: float


# It may raise StopIteration to end the run with the result so far.
Observer = Callable[[Progress], None]


class TransferRun:
    """One run, from its state to its result.

    Args:
        settings: of the transfer.
        inputs: its pictures.
        sizes: (height, width) of its scales.
        objectives: of the scales.
        files: where it writes.
        start: the first picture of a new run, or the kept state and iterates of an interrupted one.
        observers: told after every iteration.
    """

    def __init__(
        self,
        settings: TransferSettings,
        inputs: TransferInputs,
        sizes: Sequence[tuple[int, int]],
        objectives: Objectives,
        files: TransferFiles,
        start: np.ndarray | tuple[State, list[dict[str, Any]]],
        observers: Sequence[Observer],
    ) -> None:
        self.settings = settings
        self.inputs = inputs
        self.sizes = sizes
        self.objectives = objectives
        self.files = files
        self.observers = observers
        self.stopped = False
        self.state, self.iterates = (self._first_state(start), []) if isinstance(start, np.ndarray) else start
        self.start = time.perf_counter() - self.state.seconds

    def run(self) -> np.ndarray:
        """Go through the scales that are left and return the finished picture, (height, width, 3) in [0, 1].

        Ctrl-C (KeyboardInterrupt) saves the averaged picture and the state before it goes on its way.
        """
        self.files.write_state(self.state, self.iterates)
        try:
            self._optimize()
            while not self.stopped and self.state.scale + 1 < len(self.sizes):
                self._go_to_next_scale()
                self._optimize()
        finally:
            self._save()
        if not self.stopped:
            self.files.remove_state()
        return self.finished()

    def finished(self) -> np.ndarray:
        """Return the present average as it is saved."""
        picture = self.state.result()
        if not self.settings.keep_colors:
            return picture
        return transfer_luma(picture, resize(self.inputs.content, *picture.shape[:2]))

    def _first_state(self, picture: np.ndarray) -> State:
        average = RunningAverage.of(picture, self.settings.avg_decay)
        zeros = np.zeros_like(picture)
        return State(picture, average.total, average.missing, zeros, zeros, 0, 0, 0, 0, seconds=0.0)

    def _go_to_next_scale(self) -> None:
        """Begin the next scale with the enlarged average and Adam's enlarged moments."""
        size = self.sizes[self.state.scale + 1]
        state = self.state.numpy()
        picture = enlarge_bicubic(RunningAverage(state.average, state.missing).value(), *size).clip(0, 1)
        average = RunningAverage.of(picture, self.settings.avg_decay)
        moments = self._adam_state().enlarged(picture)
        self.state = replace(
            self.state,
            picture=picture,
            average=average.total,
            missing=average.missing,
            first=moments.first,
            second=moments.second,
            scale=self.state.scale + 1,
            scale_iterations=0,
        )

    def _adam_state(self) -> AdamState:
        point, first, second = map(ops.convert_to_tensor, (self.state.picture, self.state.first, self.state.second))
        return AdamState(point=point, first=first, second=second, steps=self.state.steps)

    def _iterations(self, scale: int) -> int:
        return self.settings.initial_iterations if scale == 0 else self.settings.iterations

    def _optimize(self) -> None:
        """Do what is left of the present scale."""
        left = self._iterations(self.state.scale) - self.state.scale_iterations
        if left <= 0:
            return
        evaluate = self.objectives.compile(self.sizes[self.state.scale])
        run = {"adam": self._run_adam, "lbfgs": self._run_lbfgs}[self.settings.optimizer]
        run(evaluate, left)

    def _run_adam(self, evaluate: Evaluate, left: int) -> None:
        start, rate = self._adam_state(), self.settings.step_size
        minimize_adam(evaluate, start, maxiter=left, learning_rate=rate, callback=self._averaging())

    def _run_lbfgs(self, evaluate: Evaluate, left: int) -> None:
        minimize_lbfgs(evaluate, self.state.picture, maxiter=left, ftol=0.0, maxcor=MAXCOR, callback=self._averaging())

    def _averaging(self) -> Callable[[Iteration], None]:
        """Return a callback that takes every iterate into the average and follows the run."""
        average = RunningAverage(ops.convert_to_tensor(self.state.average), self.state.missing)
        is_adam, unused = self.settings.optimizer == "adam", self._adam_state()

        def follow(iteration: Iteration) -> None:
            nonlocal average
            average = average.updated(iteration.point, self.settings.avg_decay)
            moments = iteration.state() if is_adam else unused
            self._follow(iteration.loss, iteration.evaluation.term_values(), iteration.point, average, moments)

        return follow

    def _follow(
        self, loss: float, terms: dict[str, float], point: Any, average: RunningAverage, moments: AdamState
    ) -> None:
        """Record an iteration, save now and then, tell the observers.

        Raises:
            StopIteration: an observer wants the run to end here.
        """
        self.state = replace(
            self.state,
            picture=point,
            average=average.total,
            missing=average.missing,
            first=moments.first,
            second=moments.second,
            steps=moments.steps,
            scale_iterations=self.state.scale_iterations + 1,
            iterations=self.state.iterations + 1,
            seconds=time.perf_counter() - self.start,
        )
        height, width = self.sizes[self.state.scale]
        memory = memory_in_use()
        self.iterates.append(
            {
                "width": width,
                "height": height,
                "iteration": self.state.scale_iterations,
                "loss": loss,
                "terms": terms,
                "seconds": round(self.state.seconds, 3),
                "peak_memory": None if memory is None else memory["peak"],
            }
        )
        if self.state.iterations % self.settings.save_every == 0:
            self._save()
        self._tell(loss, terms)

    def _tell(self, loss: float, terms: dict[str, float]) -> None:
        scale, counts = self.state.scale, [self._iterations(i) for i in range(len(self.sizes))]
        left = [count - (self.state.scale_iterations if i == scale else 0) for i, count in enumerate(counts)]
        progress = Progress(
            size=self.sizes[scale],
            scale_iterations=self.state.scale_iterations,
            max_scale_iterations=counts[scale],
            iterations=self.state.iterations,
            max_iterations=sum(counts),
            seconds=self.state.seconds,
            loss=loss,
            terms=terms,
            frames=lambda: self.finished()[np.newaxis],
            work_left=self._work(left, scale) / self._work(counts, 0),
        )
        try:
            for observer in self.observers:
                observer(progress)
        except StopIteration:
            self.stopped = True
            raise

    def _work(self, iterations: Sequence[int], first: int) -> int:
        """Return pixels times iterations of the scales from `first` on."""
        pairs = list(zip(self.sizes, iterations, strict=True))[first:]
        return sum(height * width * count for (height, width), count in pairs)

    def _save(self) -> None:
        self.files.write_state(self.state, self.iterates)
        self.files.write_picture(self.finished())
        self.files.write_trace(self.iterates)
