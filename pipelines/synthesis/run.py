"""The run of a synthesis through its scales: everything that needs Keras."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from keras import ops

from images.histogram import match_histogram
from images.writing import to_bytes
from optimize.lbfgs import minimize_lbfgs
from optimize.lbfgsb import minimize_lbfgsb
from optimize.progress import Iteration
from pipelines.synthesis.evaluation import compile_loss
from pipelines.synthesis.files import RunFolder, State
from pipelines.synthesis.inputs import SynthesisInputs, nearest
from pipelines.synthesis.objective import Objectives
from pipelines.synthesis.plan import Scale, invariant_step
from pipelines.synthesis.settings import SynthesisSettings
from pipelines.synthesis.start import carried_over, first_frames, with_detail, without_margins
from pipelines.synthesis.tile import cut_tile
from runs.progress import RunProgress

# Pairs of both optimisers' memory of curvatures.
MAXCOR = 10


@dataclass(frozen=True, eq=False)
class Progress(RunProgress):
    """What an observer of this run is told besides.

    Attributes:
        folder: where the run writes.
        evaluations: done in all.
        seconds: spent so far.
    """

    folder: Path
    evaluations: int
    seconds: float


# It may raise StopIteration to end the run with the result so far.
Observer = Callable[[Progress], None]


class SynthesisRun:
    """One run, from its state to its result.

    Args:
        settings: of the synthesis.
        inputs: its pictures.
        scales: its plan.
        objectives: its losses.
        folder: where it writes.
        state: where it begins; None: at the beginning.
        observers: told after every iteration.
    """

    def __init__(
        self,
        settings: SynthesisSettings,
        inputs: SynthesisInputs,
        scales: Sequence[Scale],
        objectives: Objectives,
        folder: RunFolder,
        state: State | None,
        observers: Sequence[Observer],
    ) -> None:
        self.settings = settings
        self.inputs = inputs
        self.scales = scales
        self.objectives = objectives
        self.folder = folder
        self.observers = observers
        self.message = "nothing was left to do"
        self.stopped = False
        self.start = time.perf_counter() - (state.seconds if state else 0.0)
        generator = np.random.default_rng(settings.random_seed)
        self.state = state or State(first_frames(settings, inputs, scales[0], generator))

    def run(self) -> np.ndarray:
        """Go through the scales that are left and return the finished frames, as they are saved.

        Ctrl-C (KeyboardInterrupt) saves the last iteration before it goes on its way.
        """
        if self.state.iterations == 0:
            self.folder.write_state(self.state)
        try:
            self._optimize(self.scales[self.state.scale])
            while not self.stopped and self.state.scale + 1 < len(self.scales):
                self._go_to_next_scale()
                self._optimize(self.scales[self.state.scale])
        finally:
            self.folder.write_state(self.state)
            self._save_pictures()
        frames = self.finish(self._full_size(self.state))
        if self.inputs.init is not None or self.inputs.output_masks:
            return frames  # whoever gives them wants things at their places
        return cut_tile(frames, self.settings.wraps, invariant_step(self.settings))

    def _go_to_next_scale(self) -> None:
        old, new = self.scales[self.state.scale : self.state.scale + 2]
        frames = carried_over(self.state.frames, old, new, self.settings.wraps)
        # From the seed and the scale: a resumed run gets the same noise.
        generator = np.random.default_rng([self.settings.random_seed, self.state.scale])
        frames = with_detail(frames, self.inputs.sources, new, self.objectives.paddings.output, generator)
        self.state = replace(self.state, frames=frames, scale=self.state.scale + 1, scale_iterations=0)

    def _full_size(self, state: State) -> np.ndarray:
        """Return the frames of a state at the final size."""
        old, new = self.scales[state.scale], self.scales[-1]
        return state.frames if old is new else carried_over(state.frames, old, new, self.settings.wraps)

    def _optimize(self, scale: Scale) -> None:
        left = scale.iterations - self.state.scale_iterations
        if left <= 0:
            return
        before = self.state
        minimize = {"l-bfgs-b": minimize_lbfgsb, "lbfgs": minimize_lbfgs}[self.settings.optimizer]
        result = minimize(
            compile_loss(self.objectives.loss(scale), before.frames.shape, self.objectives.paddings.output),
            before.frames,
            maxiter=left,
            bounds=(0.0, 1.0) if self.settings.bounds else None,
            ftol=self.settings.tol,
            gtol=self.settings.tol,
            maxcor=MAXCOR,
            callback=lambda iteration: self._follow(scale, before, iteration),
        )
        self.message = result.message

    def _follow(self, scale: Scale, before: State, iteration: Iteration) -> None:
        """Record an iteration at `scale`, which began with the state `before`."""
        self.state = State(
            frames=iteration.numpy(),
            scale=before.scale,
            scale_iterations=before.scale_iterations + iteration.iteration,
            iterations=before.iterations + iteration.iteration,
            evaluations=before.evaluations + iteration.evaluations,
            seconds=time.perf_counter() - self.start,
        )
        terms = iteration.evaluation.term_values()
        self.folder.append_progress(
            {
                "iteration": self.state.iterations,
                "evaluation": self.state.evaluations,
                "seconds": round(self.state.seconds, 3),
                "size": list(scale.size),
                "loss": iteration.loss,
                "terms": terms,
            }
        )
        if self.state.iterations % self.settings.save_every == 0:
            self.folder.write_state(self.state)
            self._save_pictures()
        self._tell(scale, iteration.loss, terms)

    def _tell(self, scale: Scale, loss: float, terms: dict[str, float]) -> None:
        state = self.state
        progress = Progress(
            folder=self.folder.path,
            size=scale.size,
            iterations=state.iterations,
            max_iterations=self.settings.max_iter,
            evaluations=state.evaluations,
            seconds=state.seconds,
            loss=loss,
            terms=terms,
            frames=lambda: self.finish(without_margins(state.frames, scale)),
            work_left=self._work_left(),
        )
        try:
            for observer in self.observers:
                observer(progress)
        except StopIteration:
            self.stopped = True
            raise

    def _work_left(self) -> float:
        work = [scale.canvas[0] * scale.canvas[1] * scale.iterations for scale in self.scales]
        now = self.scales[self.state.scale]
        done = now.canvas[0] * now.canvas[1] * self.state.scale_iterations
        return (sum(work[self.state.scale :]) - done) / sum(work)

    def _save_pictures(self) -> None:
        frames = without_margins(self.state.frames, self.scales[self.state.scale])
        self.folder.write_pictures(f"I{self.state.iterations:04d}", self.finish(frames))

    def finish(self, frames: np.ndarray) -> np.ndarray:
        """Return frames as they are saved: within [0, 1] and, if so asked, with the sources' histograms."""
        clipped = np.clip(frames, 0, 1)
        if not self.settings.match_histogram:
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
        objectives = self.objectives
        if self.settings.precision != "float32":
            objectives = Objectives(self.settings, self.inputs, "float32")
        saved = to_bytes(frames).astype(np.float32) / 255
        evaluation = compile_loss(objectives.loss(self.scales[-1]), saved.shape, objectives.paddings.output)(saved)
        return float(ops.convert_to_numpy(evaluation.loss)), evaluation.term_values()
