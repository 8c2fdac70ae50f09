"""The run of a style transfer through its scales."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from keras import ops

from images.color import transfer_luma
from images.resizing import resize
from optimize.adam import AdamState, minimize_adam
from optimize.averaging import RunningAverage
from optimize.enlarging import enlarge_bicubic
from optimize.lbfgs import LBFGSState, minimize_lbfgs
from optimize.progress import Evaluate, Iteration
from optimize.state import OptimizerState
from pipelines.transfer.geometry import Scale
from pipelines.transfer.inputs import TransferInputs
from pipelines.transfer.plan import TransferPlan
from pipelines.transfer.start import first_picture
from pipelines.transfer.targets import Objectives
from runs.machine import memory_in_use
from runs.progress import Observer, RunProgress, tell
from runs.state import RunState
from runs.stopping import signals_held, uninterrupted

# Pairs of L-BFGS' memory of curvatures, as in the original.
MAXCOR = 10
STATES: dict[str, type[OptimizerState]] = {"adam": AdamState, "lbfgs": LBFGSState}


class Recorder(Protocol):
    """What keeps a run while it lasts."""

    way_on: str

    def restored(
        self, optimizer: type[OptimizerState], shapes: list[tuple[int, ...]]
    ) -> tuple[RunState, list[dict[str, Any]]] | None:
        """Return the state that was kept and the iterates up to it, or None: the run begins anew.

        Args:
            optimizer: class of the optimiser's state.
            shapes: (1, height, width, 3) of the picture at each scale.
        """

    def is_time_to_save(self, iterations: int) -> bool:
        """Tell whether the run is to be kept after this iteration."""

    def save(self, state: RunState, picture: np.ndarray, iterates: list[dict[str, Any]]) -> None:
        """Keep the run."""

    def finish(self, picture: np.ndarray, *, is_complete: bool) -> None:
        """Keep the finished picture; where the run is not complete it may go on."""


class TransferRun:
    """One run, from its state to its result.

    Args:
        plan: what the run computes with.
        inputs: its pictures.
        objectives: makes the loss of each scale.
        recorder: that keeps it while it lasts, and has what an earlier part of it left; or None.
        observers: told after every iteration.

    Attributes:
        stopped: whether an observer ended the run.
    """

    def __init__(
        self,
        plan: TransferPlan,
        inputs: TransferInputs,
        objectives: Objectives,
        *,
        recorder: Recorder | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.plan = plan
        self.inputs = inputs
        self.objectives = objectives
        self.recorder = recorder
        self.observers = observers
        self.stopped = False
        restored = None if recorder is None else recorder.restored(STATES[plan.optimizer], plan.shapes)
        self.state, self.iterates = (self._first_state(), []) if restored is None else restored
        self.start = time.perf_counter() - self.state.seconds
        self._take_state: Callable[[], OptimizerState] | None = None

    def run(self) -> np.ndarray:
        """Go through the scales that are left and return the finished picture, (height, width, 3) in [0, 1].

        Ctrl-C (KeyboardInterrupt) keeps the run before it goes on its way.
        """
        try:
            self._optimize()
            while not self.stopped and self.state.scale + 1 < len(self.plan.scales):
                self._go_to_next_scale()
                self._optimize()
        except KeyboardInterrupt:
            with signals_held():
                self._save()
                if self.state.iterations:
                    self._finish(is_complete=False)
            raise
        self._save()
        return self._finish(is_complete=not self.stopped)

    def _finish(self, *, is_complete: bool) -> np.ndarray:
        picture = self.finished()
        if self.recorder is not None:
            self.recorder.finish(picture, is_complete=is_complete)
        return picture

    def last_loss(self) -> tuple[float, dict[str, float]]:
        """Return the loss and its terms at the last iterate; at the start where the optimiser found nothing lower."""
        if self.iterates:
            return self.iterates[-1]["loss"], self.iterates[-1]["terms"]
        evaluation = self.objectives.compile(self.plan.scales[-1].size)(ops.convert_to_tensor(self.state.point))
        return float(ops.convert_to_numpy(evaluation.loss)), evaluation.term_values()

    def finished(self) -> np.ndarray:
        """Return the present average as it is saved."""
        average = RunningAverage(ops.convert_to_numpy(self._average.total)[0], self._average.missing)
        picture = np.clip(average.value(), 0, 1)
        if not self.plan.keep_colors:
            return picture
        return transfer_luma(picture, resize(self.inputs.content, *picture.shape[:2]))

    @property
    def _average(self) -> RunningAverage:
        if self.state.average is None:
            raise ValueError("the state of a style transfer has an average")
        return self.state.average

    def _first_state(self) -> RunState:
        picture = first_picture(self.plan, self.inputs, self.plan.scales[0].size)
        return RunState(optimizer=picture, average=RunningAverage.of(picture, self.plan.avg_decay))

    def _go_to_next_scale(self) -> None:
        """Begin the next scale with the enlarged average and, for Adam, its enlarged moments."""
        size = self.plan.scales[self.state.scale + 1].size
        average = RunningAverage(ops.convert_to_numpy(self._average.total), self._average.missing)
        picture = enlarge_bicubic(average.value(), *size).clip(0, 1)
        optimizer = self._optimizer_state()
        self.state = replace(
            self.state,
            optimizer=optimizer.enlarged(picture) if isinstance(optimizer, AdamState) else picture,
            average=RunningAverage.of(picture, self.plan.avg_decay),
            scale=self.state.scale + 1,
            scale_iterations=0,
            scale_ended=False,
        )
        self._take_state = None

    def _optimizer_state(self) -> OptimizerState | np.ndarray:
        return self.state.optimizer if self._take_state is None else self._take_state()

    def _optimize(self) -> None:
        """Do what is left of the present scale."""
        scale = self.plan.scales[self.state.scale]
        if self.state.is_through(scale.iterations):
            return
        evaluate = self.objectives.compile(scale.size)
        base, average = self.state.base(), self._average

        def follow(iteration: Iteration) -> None:
            nonlocal average
            with uninterrupted():
                average = average.updated(iteration.point, self.plan.avg_decay)
                self._take_state = iteration.state
                self.state = base.after(iteration, time.perf_counter() - self.start, average=average)
                self._record(scale, iteration)
            self._tell(scale, self.iterates[-1])

        average = RunningAverage(ops.convert_to_tensor(average.total), average.missing)
        self._minimize(evaluate, scale.iterations - base.scale_iterations, follow)
        if not self.stopped:
            self.state = self.state.ended(scale.iterations)

    def _minimize(self, evaluate: Evaluate, maxiter: int, follow: Callable[[Iteration], None]) -> None:
        start = self.state.optimizer
        if self.plan.optimizer == "adam":
            rate = self.plan.step_size
            minimize_adam(evaluate, start, maxiter=maxiter, learning_rate=rate, callback=follow)
        else:
            folder = self.plan.objective.folder
            minimize_lbfgs(evaluate, start, maxiter=maxiter, ftol=0.0, maxcor=MAXCOR, callback=follow, folder=folder)

    def _record(self, scale: Scale, iteration: Iteration) -> None:
        """Add to the iterates and save now and then."""
        height, width = scale.size
        memory = memory_in_use()
        self.iterates.append(
            {
                "width": width,
                "height": height,
                "iteration": self.state.scale_iterations,
                "loss": iteration.loss,
                "terms": iteration.evaluation.term_values(),
                "seconds": round(self.state.seconds, 3),
                "peak_memory": None if memory is None else memory["peak"],
            }
        )
        if self.recorder is not None and self.recorder.is_time_to_save(self.state.iterations):
            self._save()

    def _tell(self, scale: Scale, iterate: dict[str, Any]) -> None:
        """Tell the observers.

        Raises:
            StopIteration: an observer wants the run to end here.
        """
        state, scales = self.state, self.plan.scales
        left = sum(later.work for later in scales[state.scale :])
        left -= scale.size[0] * scale.size[1] * state.scale_iterations
        progress = RunProgress(
            size=scale.size,
            iterations=state.iterations,
            max_iterations=self.plan.max_iterations,
            scale_iterations=state.scale_iterations,
            max_scale_iterations=scale.iterations,
            seconds=state.seconds,
            loss=iterate["loss"],
            terms=iterate["terms"],
            frames=lambda: self.finished()[np.newaxis],
            work_left=left / sum(each.work for each in scales),
            way_on="" if self.recorder is None else self.recorder.way_on,
        )
        if tell(self.observers, progress):
            self.stopped = True
            raise StopIteration

    def _save(self) -> None:
        """Keep where the run stands; before its first iteration there is nothing to keep."""
        if self.recorder is not None and self.state.iterations:
            with signals_held():
                state = replace(self.state, optimizer=self._optimizer_state())
                self.recorder.save(state, self.finished(), self.iterates)
