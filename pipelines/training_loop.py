"""The training run itself: everything that needs Keras."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np

from model.registry import build_generator
from model.saving import save_model
from pipelines.training_callbacks import HISTORY, History, IterationCallback, Previews, ProgressBar, Saver, StopAtNaN
from pipelines.training_checkpoints import check_disk_space, last_checkpoint, read_state
from pipelines.training_data import PhotoCrops, TrainingBatches, noise_sample, photo_files
from pipelines.training_model import TrainingModel
from pipelines.training_objective import build_objective
from pipelines.training_settings import TrainingSettings

RESULT = "generator.keras"
PREVIEWS = 4
# What each generator is given beside the settings. Johnson et al.'s 9x9 last convolution leaves less of the
# transposed convolutions' checkerboard than the 3x3 one of Torch7's texture networks.
GENERATOR_OPTIONS: dict[str, dict[str, Any]] = {"johnson": {"last_kernel_size": 9}}
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
# Torch7's texture networks: the rate times 0.8 every 2000 iterations.
DECAY_STEPS, DECAY_RATE = 2000, 0.8


def run_training(settings: TrainingSettings) -> tuple[int, int]:
    """Train, and return (the iteration from which it went on, the number of unreadable files met)."""
    keras.utils.set_random_seed(settings.seed)
    crops = None
    if settings.mode == "style":
        crops = PhotoCrops(photo_files(settings.data), size=settings.image_size, seed=settings.seed)
    sample = crops or _noise(settings)
    model = make_model(settings, sample(0).shape)
    check_disk_space(settings.checkpoints_folder, model)
    first = _resume(settings, model)
    if first < settings.num_iterations:
        batches = TrainingBatches(
            sample,
            batch_size=settings.batch_size,
            first=first,
            last=settings.num_iterations,
            threads=settings.threads,
        )
        callbacks = _callbacks(settings, model, first, _preview_inputs(settings, sample))
        try:
            model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=callbacks)
        finally:
            for callback in callbacks:
                callback.close()
    return first, len(crops.unreadable) if crops else 0


def make_model(settings: TrainingSettings, sample_shape: tuple[int, ...]) -> TrainingModel:
    """Build generator, objective and optimiser, ready for `fit` on samples (height, width, channels)."""
    objective = build_objective(settings)
    batch_shape = (settings.batch_size, *sample_shape)
    model = TrainingModel(make_generator(settings), objective, batch_shape=batch_shape)
    # XLA pays on JAX alone: on TensorFlow it would undo the fast CPU kernels.
    optimizer = keras.optimizers.Adam(learning_rate_schedule(settings))
    model.compile(optimizer, jit_compile=keras.backend.backend() == "jax")
    optimizer.build(model.trainable_variables)
    return model


def make_generator(settings: TrainingSettings, precision: str | None = None) -> keras.Model:
    """Build the generator, with new weights, to compute in `precision` (None: that of the settings)."""
    options = {**GENERATOR_OPTIONS.get(settings.model, {}), **settings.generator_options}
    with _dtype_policy(POLICIES[precision or settings.precision]):
        return build_generator(
            settings.model,
            mode=settings.mode,
            normalization=settings.normalization,
            noise_depth=settings.noise_depth,
            **options,
        )


def learning_rate_schedule(settings: TrainingSettings) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return Adam's learning rate by iteration."""
    if settings.learning_rate_decay == "cosine":
        return keras.optimizers.schedules.CosineDecay(settings.learning_rate, settings.num_iterations)
    return keras.optimizers.schedules.ExponentialDecay(settings.learning_rate, DECAY_STEPS, DECAY_RATE, staircase=True)


def learning_rate_at(settings: TrainingSettings, iteration: int) -> float:
    """Return what the schedule gives for an iteration, counted from 0, without touching the device."""
    if settings.learning_rate_decay == "cosine":
        return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * iteration / settings.num_iterations))
    return settings.learning_rate * DECAY_RATE ** (iteration // DECAY_STEPS)


@contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _noise(settings: TrainingSettings) -> Callable[[int], np.ndarray]:
    depth = settings.noise_depth or 3
    return lambda number: noise_sample(number, size=settings.image_size, depth=depth, seed=settings.seed)


def _preview_inputs(settings: TrainingSettings, sample: Callable[[int], np.ndarray]) -> np.ndarray:
    """Return the fixed inputs of the previews: the first photos, uncropped as far as a square allows, or noise."""
    make = sample.centre if isinstance(sample, PhotoCrops) else sample
    return np.stack([make(number) for number in range(PREVIEWS)])


def _resume(settings: TrainingSettings, model: keras.Model) -> int:
    """Load the last checkpoint, if there is one to go on from, and return its iteration."""
    path = last_checkpoint(settings)
    if path is None:
        return 0
    model.load_weights(path)
    return read_state(path)["iteration"]


def _callbacks(
    settings: TrainingSettings, model: TrainingModel, first: int, previews: np.ndarray
) -> list[IterationCallback]:
    folder, last = settings.checkpoints_folder, settings.num_iterations
    rate = partial(learning_rate_at, settings)
    logs = []
    if settings.log_dir is not None:
        from pipelines.training_logs import TensorBoardLogs  # loads TensorFlow, on any backend

        logs = [TensorBoardLogs(first, last, settings.log_dir, rate)]
    sheets = Previews(previews, folder / "previews", tuple(log.write_preview for log in logs))
    saver = Saver(
        first,
        last,
        every=settings.save_every,
        folder=folder,
        state={"settings": settings.fixed()},
        outputs=(sheets, ResultWriter(settings)),
    )
    history = History(first, last, folder / HISTORY, tuple(model.trackers), rate)
    return [StopAtNaN(first, last, folder), history, ProgressBar(first, last), *logs, saver]


class ResultWriter:
    """Writes the generator as it stands to `generator.keras`, computing in float32 whatever it is trained in."""

    def __init__(self, settings: TrainingSettings) -> None:
        self.path = settings.checkpoints_folder / RESULT
        self.generator = make_generator(settings, "float32")

    def __call__(self, iteration: int, model: TrainingModel) -> None:
        """Write the file."""
        for variable, trained in zip(self.generator.variables, model.generator.variables, strict=True):
            variable.assign(trained)
        save_model(self.generator, self.path)
