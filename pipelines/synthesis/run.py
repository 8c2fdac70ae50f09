"""The run of a synthesis through its scales: everything that needs Keras."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from images.histogram import match_histogram
from images.writing import to_bytes
from optimize.lbfgs import LBFGSState, minimize_lbfgs
from optimize.lbfgsb import LBFGSBState, minimize_lbfgsb
from optimize.progress import Iteration
from optimize.state import OptimizerState
from pipelines.synthesis.frames import carried_over, cut_tile, first_frames, with_detail, without_margins
from pipelines.synthesis.geometry import Scale, invariant_step
from pipelines.synthesis.inputs import SynthesisInputs, nearest
from pipelines.synthesis.plan import SynthesisPlan
from pipelines.synthesis.targets import Objectives
from runs.progress import Observer, RunProgress, tell
from runs.state import RunState
from runs.stopping import signals_held, uninterrupted

# Pairs of both optimisers' memory of curvatures.
MAXCOR = 10
OPTIMIZERS = {"l-bfgs-b": (minimize_lbfgsb, LBFGSBState), "lbfgs": (minimize_lbfgs, LBFGSState)}


class Recorder(Protocol):
    """What keeps a run while it lasts."""

    way_on: str

    def restored(self, optimizer: type[OptimizerState], shapes: list[tuple[int, ...]]) -> RunState | None:
        """Return the state that was kept, or None where the run had not come to one.

        Args:
            optimizer: class of the optimiser's state.
            shapes: (count, height, width, 3) of the frames at each scale.
        """

    def record(self, line: dict) -> None:
        """Keep the numbers of an iteration."""

    def is_time_to_save(self, iterations: int) -> bool:
        """Tell whether pictures and state are to be kept after this iteration."""

    def save(self, state: RunState, frames: np.ndarray) -> None:
        """Keep pictures and state."""

    def finish(self, frames: np.ndarray) -> None:
        """Keep the finished frames."""

    def complete(self, state: RunState) -> None:
        """Keep the last state of a run that nothing is left to do for."""

    def close(self) -> None:
        """Do what is to be done however the run ends."""


class SynthesisRun:
    """One run, from its state to its result.

    Args:
        plan: what the run computes with.
        inputs: its pictures.
        objectives: its losses.
        recorder: that keeps it while it lasts, and has what an earlier part of it left; or None.
        observers: told after every iteration.

    Attributes:
        state: at the last iteration that was saved, or where the run began.
        message: why the optimiser ended, in its words.
        stopped: whether an observer ended the run.
    """

    def __init__(
        self,
        plan: SynthesisPlan,
        inputs: SynthesisInputs,
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
        self.message = "there was nothing left to do"
        self.stopped = False
        self._restored = None if recorder is None else recorder.restored(OPTIMIZERS[plan.optimizer][1], plan.shapes)
        self.state = self._restored or RunState(optimizer=first_frames(plan, inputs))
        self.frames = self.state.point  # of a restored state it may be a trial of the line search, and no iterate
        self.start = time.perf_counter() - self.state.seconds
        self._take_state: Callable[[], OptimizerState] | None = None

    def run(self) -> np.ndarray:
        """Go through the scales that are left and return the finished frames, as they are saved.

        Ctrl-C (KeyboardInterrupt) saves the last iteration before it goes on its way.
        """
        try:
            frames = self._through_scales()
        finally:
            if self.recorder is not None:
                self.recorder.close()
        if self.recorder is not None:
            self.recorder.finish(frames)
        return frames

    def complete(self) -> None:
        """Keep that nothing is left to do, unless an observer ended the run, which may go on."""
        if self.recorder is not None and not self.stopped:
            self.recorder.complete(replace(self.state, optimizer=self.frames))

    def _through_scales(self) -> np.ndarray:
        try:
            self._optimize(self.plan.scales[self.state.scale])
            while not self.stopped and self.state.scale + 1 < len(self.plan.scales):
                self._go_to_next_scale()
                self._optimize(self.plan.scales[self.state.scale])
        except KeyboardInterrupt:
            self._save()
            raise
        self._save()
        last, wraps = self.plan.scales[-1], self.plan.geometry.wraps
        frames = self.plan.objective.pictures.matched(self._full_size(), self.inputs.sources, wraps, last.margins)
        frames = self.finish(without_margins(frames, last))
        if self.inputs.init is not None or self.inputs.output_masks or self.inputs.is_morph:
            return frames  # things are wanted at their places
        return cut_tile(frames, wraps, invariant_step(self.plan.geometry))

    def _go_to_next_scale(self) -> None:
        number = self.state.scale
        old, new = self.plan.scales[number : number + 2]
        frames = carried_over(self.frames, old, new, self.plan.geometry.wraps)
        # From the seed and the scale: a resumed run gets the same noise.
        generator = np.random.default_rng([self.plan.random_seed, number])
        self.frames = with_detail(frames, self.inputs.sources, new, self.plan.geometry.paddings.output, generator)
        self.state = replace(self.state, optimizer=self.frames, scale=number + 1, scale_iterations=0, scale_ended=False)
        self._take_state = None

    def _full_size(self) -> np.ndarray:
        """Return the frames at the final size."""
        old, new = self.plan.scales[self.state.scale], self.plan.scales[-1]
        return self.frames if old is new else carried_over(self.frames, old, new, self.plan.geometry.wraps)

    def _optimize(self, scale: Scale) -> None:
        before = self.state
        if before.is_through(scale.iterations):
            return
        minimize, _ = OPTIMIZERS[self.plan.optimizer]
        base = before.base()
        result = minimize(
            self.objectives.compile(scale, before.point.shape),
            before.optimizer,
            maxiter=scale.iterations - base.scale_iterations,
            bounds=self.plan.bounds,
            ftol=self.plan.tol,
            gtol=self.plan.tol,
            maxcor=MAXCOR,
            folder=self.plan.objective.folder,
            callback=lambda iteration: self._follow(scale, base, iteration),
        )
        self.message = result.message
        if not self.stopped:
            self.state = self.state.ended(scale.iterations)

    def _follow(self, scale: Scale, base: RunState, iteration: Iteration) -> None:
        """Record an iteration at `scale`; `base` is the state, with its counts, from which the optimiser counts."""
        with uninterrupted():
            self.frames = iteration.numpy()
            self._take_state, self._base = iteration.state, base
            self.state = base.after(iteration, time.perf_counter() - self.start, optimizer=self.frames)
            terms = iteration.evaluation.term_values()
            self._record(scale, iteration.loss, terms)
        self._tell(scale, iteration.loss, terms)

    def _record(self, scale: Scale, loss: float, terms: dict[str, float]) -> None:
        if self.recorder is None:
            return
        state = self.state
        self.recorder.record(
            {
                "iteration": state.iterations,
                "evaluation": state.evaluations,
                "seconds": round(state.seconds, 3),
                "size": list(scale.size),
                "loss": loss,
                "terms": terms,
            }
        )
        if self.recorder.is_time_to_save(state.iterations):
            self._save()

    def _tell(self, scale: Scale, loss: float, terms: dict[str, float]) -> None:
        state = self.state
        progress = RunProgress(
            size=scale.size,
            iterations=state.iterations,
            max_iterations=self.plan.max_iter,
            scale_iterations=state.scale_iterations,
            max_scale_iterations=scale.iterations,
            seconds=state.seconds,
            loss=loss,
            terms=terms,
            frames=lambda: self.finish(without_margins(self.frames, scale)),
            work_left=self._work_left(),
            way_on="" if self.recorder is None else self.recorder.way_on,
        )
        if tell(self.observers, progress):
            self.stopped = True
            raise StopIteration

    def _work_left(self) -> float:
        work = [scale.canvas[0] * scale.canvas[1] * scale.iterations for scale in self.plan.scales]
        now = self.plan.scales[self.state.scale]
        done = now.canvas[0] * now.canvas[1] * self.state.scale_iterations
        return (sum(work[self.state.scale :]) - done) / sum(work)

    def _save(self) -> None:
        """Keep the last iteration, or where the optimiser is beyond it, from which nothing is done twice."""
        if self.recorder is None or self.state is self._restored:
            return
        with signals_held():
            state = self.state
            if self._take_state is not None:
                optimizer = self._take_state()
                state = replace(state, optimizer=optimizer, evaluations=self._base.evaluations + optimizer.evaluations)
            scale = self.plan.scales[state.scale]
            self.recorder.save(state, self.finish(without_margins(self.frames, scale)))

    def finish(self, frames: np.ndarray) -> np.ndarray:
        """Return frames as they are saved: within [0, 1] and, if so asked, with the sources' histograms."""
        clipped = np.clip(frames, 0, 1)
        if not self.plan.match_histogram:
            return clipped
        if not self.inputs.output_masks:
            return np.stack([match_histogram(frame, self.inputs.sources) for frame in clipped])
        for output_mask, source_mask in zip(self.inputs.output_masks, self.inputs.source_masks, strict=True):
            region = nearest(output_mask, *frames.shape[1:3])
            for frame in clipped:
                frame[region] = match_histogram(frame[region], [self.inputs.sources[0][source_mask]])
        return clipped

    def final_loss(self, frames: np.ndarray) -> tuple[float, dict[str, float]]:
        """Return the loss of the full size and its terms, of frames as the saved 8-bit files hold them, in float32."""
        objectives, plan = self.objectives, self.plan.objective
        if plan.descriptor.precision != "float32":
            exact = replace(plan, descriptor=replace(plan.descriptor, precision="float32"))
            objectives = exact.build(self.inputs)
        saved = to_bytes(frames).astype(np.float32) / 255
        terms = objectives.measure(replace(self.plan.scales[-1], margins=(0, 0)), saved)
        return sum(terms.values()), terms
