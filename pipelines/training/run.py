"""The training run itself: everything that needs Keras."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np

from errors import UserError
from model.generators.blocks import MODES
from model.generators.registry import build_generator
from model.saving import load_model, save_model
from pipelines.model_library import find_model
from pipelines.training.callbacks import HISTORY, History, IterationCallback, Previews, ProgressBar, Saver, StopAtNaN
from pipelines.training.checkpoints import check_disk_space, last_checkpoint, read_state
from pipelines.training.data import PhotoCrops, TrainingBatches, noise_sample, photo_files
from pipelines.training.devices import Devices, find_devices
from pipelines.training.model import TrainingModel
from pipelines.training.objective import build_objective
from pipelines.training.observers import Observed, Observer
from pipelines.training.settings import TrainingSettings

RESULT = "generator.keras"
PREVIEWS = 4
# What each generator is given beside the settings. Johnson et al.'s 9x9 last convolution leaves less of the
# transposed convolutions' checkerboard than the 3x3 one of Torch7's texture networks.
GENERATOR_OPTIONS: dict[str, dict[str, Any]] = {"johnson": {"last_kernel_size": 9}}
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
# Torch7's texture networks: the rate times 0.8 every 2000 iterations.
DECAY_STEPS, DECAY_RATE = 2000, 0.8


def run_training(settings: TrainingSettings, observers: Sequence[Observer] = ()) -> tuple[int, int, int]:
    """Train, and return (iterations done before, iterations done in all, number of unreadable files met)."""
    devices = find_devices()
    if observers and devices.processes > 1:
        raise UserError("a run of several processes cannot be followed by --web: an end must reach them all")
    devices.check_batch_size(settings.batch_size)
    keras.utils.set_random_seed(settings.seed)
    sample = _samples(settings)
    # A copy outside of any distribution: for files and previews, which the first process makes alone.
    result = make_generator(settings, "float32")
    with devices.scope():
        model = make_model(settings, sample(0).shape, replicas=devices.replicas)
        check_disk_space(settings.checkpoints_folder, model)
        first = last = _start(settings, model)
        if first < settings.num_iterations:
            last = _fit(settings, model, first, sample, result, devices, observers)
    return first, last, len(sample.unreadable) if isinstance(sample, PhotoCrops) else 0


def _fit(
    settings: TrainingSettings,
    model: TrainingModel,
    first: int,
    sample: Callable[[int], np.ndarray],
    result: keras.Model,
    devices: Devices,
    observers: Sequence[Observer],
) -> int:
    """Train from iteration `first`, and return the one after which it ended."""
    last = settings.num_iterations
    batches = TrainingBatches(
        sample,
        batch_size=settings.batch_size,
        first=first,
        last=last,
        threads=settings.threads,
        shard=(devices.process, devices.processes),
    )
    callbacks = [StopAtNaN(first, last, settings.checkpoints_folder)]
    if devices.process == 0:
        callbacks += _callbacks(settings, tuple(model.trackers), first, sample, result, devices, observers)
    data = devices.feed(batches)
    try:
        model.fit(data, epochs=1, steps_per_epoch=len(batches), shuffle=False, verbose=0, callbacks=callbacks)
    finally:
        for callback in callbacks:
            callback.close()
    stops = [callback.stopped_at for callback in callbacks if isinstance(callback, Observed)]
    return next((stop for stop in stops if stop is not None), last)


def make_model(settings: TrainingSettings, sample_shape: tuple[int, ...], *, replicas: int = 1) -> TrainingModel:
    """Build generator, objective and optimiser, ready for `fit` on samples (height, width, channels)."""
    objective = build_objective(settings)
    batch_shape = (settings.batch_size // replicas, *sample_shape)
    model = TrainingModel(make_generator(settings), objective, batch_shape=batch_shape, replicas=replicas)
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


def _samples(settings: TrainingSettings) -> Callable[[int], np.ndarray]:
    """Return what makes the generator's input number n: a crop of a photo, or noise."""
    size, seed = settings.image_size, settings.seed
    if settings.mode == "style":
        return PhotoCrops(photo_files(settings.data), size=size, seed=seed)
    depth = settings.noise_depth or MODES["texture"]["noise_depth"]
    return partial(noise_sample, size=size, depth=depth, seed=seed)


def _preview_inputs(sample: Callable[[int], np.ndarray]) -> np.ndarray:
    """Return the fixed inputs of the previews: the first photos, uncropped as far as a square allows, or noise."""
    make = sample.centre if isinstance(sample, PhotoCrops) else sample
    return np.stack([make(number) for number in range(PREVIEWS)])


def _start(settings: TrainingSettings, model: TrainingModel) -> int:
    """Load the last checkpoint, if there is one to go on from, or the initial weights; return the iteration."""
    path = last_checkpoint(settings)
    if path is not None:
        model.load_weights(path)
        return read_state(path)["iteration"]
    if settings.initial_generator is not None:
        _copy_weights(settings.initial_generator, model.generator)
    return 0


def _copy_weights(name: str | os.PathLike, generator: keras.Model) -> None:
    """Give `generator` the weights of the trained one called `name`, or in that file.

    Raises:
        UserError: that is not a model, or one of another kind or size.
    """
    trained = load_model(find_model(os.fspath(name), option="--initial-generator"))
    if [weight.shape for weight in trained.weights] != [weight.shape for weight in generator.weights]:
        raise UserError(
            f"--initial-generator {name}: its weights have other shapes than those of the generator to be trained: "
            "--model, --mode, --normalization and --noise-depth must be those that it was trained with"
        )
    generator.set_weights(trained.get_weights())


def _callbacks(
    settings: TrainingSettings,
    names: tuple[str, ...],
    first: int,
    sample: Callable[[int], np.ndarray],
    result: keras.Model,
    devices: Devices,
    observers: Sequence[Observer],
) -> list[IterationCallback]:
    """Return what writes and shows something."""
    folder, last = settings.checkpoints_folder, settings.num_iterations
    rate = partial(learning_rate_at, settings)
    logs = []
    if settings.log_dir is not None:
        from pipelines.training.logs import TensorBoardLogs  # loads TensorFlow, on any backend

        logs = [TensorBoardLogs(first, last, settings.log_dir, rate)]
    watchers = tuple(log.write_preview for log in logs)
    previews = Previews(result, _preview_inputs(sample), folder / "previews", watchers)
    observed = Observed(
        first,
        last,
        observers=observers,
        size=settings.image_size,
        result=result,
        previews=previews,
        context=devices.outside,
    )
    saver = Saver(
        first,
        last,
        every=settings.save_every,
        folder=folder,
        state={"settings": settings.fixed()},
        result=result,
        outputs=(previews, lambda iteration: save_model(result, folder / RESULT)),
        context=devices.outside,
        is_stopping=lambda: observed.stopped_at is not None,
    )
    return [History(first, last, folder / HISTORY, names, rate), ProgressBar(first, last), *logs, observed, saver]
