"""The training run itself; the part that needs Keras."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from compat import leave_gradients
from errors import ArgumentError, UserError
from model.saving import save_model
from model.styles import style_names
from pipelines.startup import quiet_startup
from pipelines.training.callbacks.balance import BalanceCheck, losses_without_training
from pipelines.training.callbacks.history import History, recorded_losses
from pipelines.training.callbacks.iteration import IterationCallback, StopAtNaN
from pipelines.training.callbacks.means import RunningMeans
from pipelines.training.callbacks.observed import Observed
from pipelines.training.callbacks.previews import Previews
from pipelines.training.callbacks.saving import Saver
from pipelines.training.data import PhotoCrops, ShiftedCrops, TrainingBatches, noise_sample
from pipelines.training.devices import Devices, find_devices
from pipelines.training.files import (
    HISTORY,
    RESULT,
    Checkpoint,
    check_checkpoint_space,
    load_checkpoint,
    remove_checkpoints,
)
from pipelines.training.model import TrainingModel
from pipelines.training.optimizer import MAX_NORM, AveragedAdam, RateTable
from pipelines.training.plan import TrainingPlan
from pipelines.training.stages import Stage, divisible, samples_before
from runs.progress import Observer
from runs.resuming import Identity, Note
from runs.stopping import interrupts_noted

PREVIEWS = 4


@dataclass(frozen=True, eq=False)
class TrainingFolder:
    """Where a run writes.

    Attributes:
        path: the folder of checkpoints, previews and the result.
        identity: returns that of the run, which each checkpoint holds.
        checkpoints: to go on from, the newest first; none: checkpoints that are there are removed.
    """

    path: Path
    identity: Callable[[], Identity]
    checkpoints: Sequence[Checkpoint]


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training made.

    Attributes:
        generator: in float32.
        iterations: done in all.
        resumed_from: iteration from which the run went on, 0 for a new one.
        unreadable: why files were left out, each with its name.
    """

    generator: keras.Model
    iterations: int
    resumed_from: int
    unreadable: tuple[str, ...]


def run_training(
    plan: TrainingPlan,
    styles: Sequence[np.ndarray],
    photos: Sequence[Path | np.ndarray],
    *,
    folder: TrainingFolder | None = None,
    observers: Sequence[Observer] = (),
    note: Note = lambda line: None,
) -> Trained:
    """Train, and leave checkpoints and the result in a folder, if there is one.

    Args:
        plan: what the run computes with.
        styles: a picture for each style, float32 (height, width, 3) in [0, 1].
        photos: files or pictures; none in texture mode.
        folder: where the run writes, or None.
        observers: told after every iteration.
        note: told what the user should know, first when nothing stands in the way of the run.
    """
    devices = find_devices()
    if devices.processes > 1 and not all(getattr(observer, "only_watches", False) for observer in observers):
        raise UserError("`web` does not support runs with several processes")
    shares = (devices.count, max(1, len(styles)) * devices.replicas, 2 if plan.objective.diversity_weight else 1)
    plan = replace(plan, stages=divisible(plan.stages, math.lcm(*shares)))
    for stage in plan.stages:
        devices.check_batch_size(stage)
        _check_batch(stage, len(styles), devices.replicas)
    with quiet_startup():  # it imports TensorFlow where that is installed, on every backend
        keras.utils.set_random_seed(plan.seed)
    samples = Samples(plan, photos)
    # A copy outside of any distribution: for files and previews, which the first process makes alone.
    result = plan.generator.build("float32")
    with devices.scope():
        is_new = folder is None or not folder.checkpoints
        model = make_model(plan, styles, replicas=devices.replicas, is_new=is_new)
        for text in plan.notes:
            note(text)
        first = last = _start(model, folder, note)
    if first < plan.iterations:
        with devices.fit_scope():
            last = _Fit(plan, model, first, samples, result, devices, folder, observers, note).run()
    return Trained(plan.generator.finished(result), last, first, samples.unreadable)


def make_model(
    plan: TrainingPlan, styles: Sequence[np.ndarray], *, replicas: int = 1, is_new: bool = True
) -> TrainingModel:
    """Build generator, objective and optimiser, ready for `fit` once the model knows what to `expect`.

    Args:
        plan: what the run computes with.
        styles: a picture for each style, float32 (height, width, 3) in [0, 1].
        replicas: number of devices that have a copy each.
        is_new: whether the generator begins with the initial weights, where some are named.
    """
    objective = plan.objective.build(styles)
    generator = plan.generator.build(is_new=is_new)
    model = TrainingModel(generator, objective, replicas=replicas)
    # Each replica clips the gradients of its share of the batch, before they are added up.
    optimizer = AveragedAdam(RateTable(plan.rate), ema_momentum=plan.ema_momentum, global_clipnorm=MAX_NORM / replicas)
    if replicas == 1:
        leave_gradients(optimizer)
    # XLA pays on JAX alone: on TensorFlow it would undo the fast CPU kernels.
    model.compile(optimizer, jit_compile=keras.backend.backend() == "jax")
    optimizer.build(model.trainable_variables)
    return model


def _check_batch(stage: Stage, styles: int, replicas: int) -> None:
    if stage.batch_size // replicas % styles:
        on_each = f" on each of {replicas} devices" if replicas > 1 else ""
        raise ArgumentError(
            f"`batch_size` {stage.batch_size}: must be a multiple of the number of styles, {styles}{on_each}"
        )


class Samples:
    """What makes the generator's inputs: crops of photos, or noise.

    Args:
        plan: what the run computes with.
        photos: files or pictures; none in texture mode.
    """

    def __init__(self, plan: TrainingPlan, photos: Sequence[Path | np.ndarray]) -> None:
        self.plan = plan
        self.size = plan.stages[-1].size
        self.crops: PhotoCrops | None = None
        if plan.generator.mode == "style":
            self.crops = PhotoCrops(photos, size=self.size, seed=plan.seed)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Why files were left out that were met."""
        return () if self.crops is None else tuple(sorted(map(str, self.crops.unreadable.values())))

    @property
    def channels(self) -> int:
        """Channels of an input."""
        return self.plan.noise_depth if self.crops is None else 3

    def of(self, stage: Stage) -> Callable[[int], Any]:
        """Return what makes sample number n of a stage, see `TrainingModel`."""
        if self.crops is None:
            return self._noise(stage.size)
        if self.plan.objective.consistency_weight:
            return ShiftedCrops(self.crops, size=stage.size, seed=self.plan.seed)
        return self.crops.at_size(stage.size)

    def previews(self, styles: int) -> np.ndarray:
        """Return the inputs of previews, at the last stage's size: the same number for each style."""
        make = self._noise(self.size) if self.crops is None else self.crops.centre
        return np.stack([make(number) for number in range(styles * math.ceil(PREVIEWS / styles))])

    def _noise(self, size: int) -> Callable[[int], np.ndarray]:
        return partial(noise_sample, size=size, depth=self.plan.noise_depth, seed=self.plan.seed)


def _start(model: TrainingModel, folder: TrainingFolder | None, note: Note) -> int:
    """Load the checkpoint, if there is one to go on from, and return the iteration."""
    if folder is None:
        return 0
    check_checkpoint_space(folder.path, model)
    return load_checkpoint(folder.checkpoints, model, note) if folder.checkpoints else 0


@dataclass(frozen=True, eq=False)
class _Fit:
    """Keras' `fit` with everything that happens beside its steps."""

    plan: TrainingPlan
    model: TrainingModel
    first: int
    samples: Samples
    result: keras.Model
    devices: Devices
    folder: TrainingFolder | None
    observers: Sequence[Observer]
    note: Note

    def run(self) -> int:
        """Train from iteration `first`, and return the one after which it ended.

        Raises:
            KeyboardInterrupt: there was a signal; the run ended after the step and left its checkpoint.
            UserError: another process of the run was lost.
        """
        if self.folder is not None and not self.folder.checkpoints and self.devices.process == 0:
            remove_checkpoints(self.folder.path)
        with interrupts_noted() as is_interrupted, self.devices.losses_told():
            callbacks = self._callbacks(is_interrupted)
            try:
                for stage in self.plan.stages:
                    if callbacks[0].done < stage.last and not self.model.stop_training:
                        self._train(stage, callbacks)
            finally:
                for callback in callbacks:
                    callback.close()
            if is_interrupted() and callbacks[0].done < self.plan.iterations:
                raise KeyboardInterrupt
        return callbacks[0].done

    def _train(self, stage: Stage, callbacks: Sequence[IterationCallback]) -> None:
        """Train until a stage ends or an observer ends the run."""
        done = callbacks[0].done
        batches = TrainingBatches(
            self.samples.of(stage),
            batch_size=stage.batch_size,
            count=stage.last - done,
            first_sample=samples_before(self.plan.stages, done),
            threads=self.plan.threads,
            shard=(self.devices.process, self.devices.processes),
        )
        count = stage.batch_size // self.devices.replicas
        self.model.expect((count, stage.size, stage.size, self.samples.channels))
        self.devices.prepare(self.model)
        self.model.fit(
            self.devices.feed(batches), epochs=1, steps_per_epoch=len(batches), shuffle=False, verbose=0,
            callbacks=callbacks,
        )  # fmt: skip

    def _callbacks(self, is_interrupted: Callable[[], bool]) -> list[IterationCallback]:
        """Return what follows the run; in the first process also what writes and shows something."""
        first, last = self.first, self.plan.iterations
        path = None if self.folder is None else self.folder.path
        callbacks: list[IterationCallback] = [StopAtNaN(first, last, path)]
        if self.devices.process > 0:
            return callbacks
        logs = self._logs()
        watchers = tuple(log.write_preview for log in logs)
        previews = Previews(self.result, self._preview_inputs(), path, watchers)
        observed = Observed(
            first,
            last,
            observers=self.observers,
            means=self._means(),
            stages=self.plan.stages,
            result=self.result,
            previews=previews,
            context=self.devices.outside,
            is_interrupted=is_interrupted,
            way_on="" if path is None else "the same command",
        )
        history = [] if path is None else [self._history(path)]
        # The check of the balance takes the means that `observed` has added to.
        balance = self._balance(observed.means)
        return [*callbacks, *history, *logs, observed, *balance, self._saver(previews, observed)]

    def _preview_inputs(self) -> np.ndarray:
        return self.samples.previews(max(1, len(style_names(self.result))))

    def _balance(self, means: RunningMeans) -> list[IterationCallback]:
        if self.folder is None or self.plan.generator.mode != "style":
            return []

        def reference() -> dict[str, float]:
            with self.devices.outside():
                return losses_without_training(self.model.objective, self._preview_inputs())

        return [BalanceCheck(self.first, self.plan.iterations, means=means, reference=reference, note=self.note)]

    def _means(self) -> RunningMeans:
        """Return the running means of the iterations before this part of the run."""
        if self.folder is None or not self.first:
            return RunningMeans()
        return RunningMeans(recorded_losses(self.folder.path / HISTORY, self.first))

    def _logs(self) -> list[Any]:
        if self.plan.log_dir is None:
            return []
        from pipelines.training.callbacks.logs import TensorBoardLogs  # loads TensorFlow, on any backend

        return [TensorBoardLogs(self.first, self.plan.iterations, self.plan.log_dir, self.plan.rate.at)]

    def _history(self, path: Path) -> History:
        names = tuple(self.model.trackers)
        return History(self.first, self.plan.iterations, path / HISTORY, names, self.plan.rate.at)

    def _save_result(self, path: Path, iteration: int) -> None:
        save_model(self.plan.generator.finished(self.result), path)

    def _saver(self, previews: Previews, observed: Observed) -> Saver:
        folder = self.folder
        outputs: tuple[Callable[[int], None], ...] = ()
        state: dict[str, Any] = {}
        if folder is not None:
            identity = folder.identity()
            state = {"settings": identity.options, "digests": identity.digests}
            outputs = (previews, partial(self._save_result, folder.path / RESULT))
        return Saver(
            self.first,
            self.plan.iterations,
            every=self.plan.save_every if folder is not None else self.plan.iterations,
            folder=None if folder is None else folder.path,
            state=state,
            result=self.result,
            outputs=outputs,
            context=self.devices.outside,
            is_stopping=lambda: observed.stopped_at is not None,
        )
