"""Training a feed-forward generator for a style or a texture: from pictures in memory, or from files into a folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from errors import ArgumentError
from pipelines.startup import quiet_startup
from pipelines.training.plan import TrainingPlan, plan_training
from pipelines.training.settings import TrainingSettings
from runs.resuming import Note

if TYPE_CHECKING:
    import keras

    from runs.progress import Observer


@dataclass(frozen=True)
class TrainingReport:
    """What a run did.

    Attributes:
        generator: file of the result.
        iterations: done in all.
        resumed_from: iteration of the checkpoint that it went on from, 0 for a new run.
        unreadable: number of files of the data folder that were met and left out.
        seconds: from the start to the end.
    """

    generator: Path
    iterations: int
    resumed_from: int
    unreadable: int
    seconds: float


def train_on_pictures(
    style: np.ndarray,
    photos: Sequence[np.ndarray] = (),
    *,
    observers: Sequence[Observer] = (),
    note: Note | None = None,
    **options: Any,
) -> keras.Model:
    """Train a generator on pictures in memory and return it; nothing is written.

    Args:
        style: picture whose style or texture is learned, float32 (height, width, 3) in [0, 1], RGB.
        photos: pictures to train on, likewise; none in texture mode.
        observers: told after every iteration; each may raise StopIteration to end the run with its result.
        note: told what the user should know before the run begins.
        options: further ones of `TrainingSettings`, but for those that name files of pictures or folders.

    Raises:
        ArgumentError: an option has a value that is not allowed, or pictures are too small.
        UserError: there are no weights of VGG-19, or the loss is not a number any more.
    """
    plan = _plan(TrainingSettings(**options), note)
    if plan.generator.mode == "style" and not photos:
        raise ArgumentError("`data` is needed in style mode: photos to train on")
    with quiet_startup():
        from pipelines.training.run import run_training
    from images.picture import Picture
    from images.resizing import resize_long_side

    if plan.style_size:
        style = resize_long_side(Picture(style), plan.style_size).pixels
    return run_training(plan, style, list(photos), observers=observers).generator


def train_generator(
    settings: TrainingSettings, observers: Sequence[Observer] = (), *, note: Note | None = None
) -> TrainingReport:
    """Train a generator and leave it as `generator.keras` in the folder of checkpoints.

    Beside it: the last three checkpoints, `history.csv` with the losses of every iteration, and `previews/`. Where
    the folder has an unfinished run with the same settings, this one goes on from its newest sound checkpoint.
    Batches, crops and noise depend on the iteration and the seed alone. Training is Keras' `fit` on the backend of
    this process.

    Args:
        settings: what is asked for.
        observers: told after every iteration; each may raise StopIteration to end the run with its result, as a run
            with `num_iterations` up to there would have left it but for a cosine's learning rate.
        note: told what the user should know before the run begins.

    Raises:
        ArgumentError: an option has a value that is not allowed, or the folder holds a run with others.
        UserError: a file cannot be read, the disk is full, or the loss is not a number any more.
        ImageError: the style picture cannot be read.
        KeyboardInterrupt: Ctrl-C; the run ended after a step, which is saved.
    """
    start = time.perf_counter()
    if settings.mode == "style" and settings.data is None:
        raise ArgumentError("`data` is needed in style mode: a folder of photos")
    plan = _plan(settings, note)
    with quiet_startup():
        from pipelines.training import files
        from pipelines.training.data import photo_files
        from pipelines.training.devices import is_first_process
        from pipelines.training.run import RESULT, TrainingFolder, run_training
    style = files.read_style(settings)
    photos = photo_files(settings.data) if settings.mode == "style" and settings.data is not None else []
    path = Path(settings.checkpoints_path)
    with files.held(path) if is_first_process() else nullcontext():
        found = files.checkpoints_to_resume(settings, note or _say_nothing)
        state = {"settings": files.comparable(settings)}
        folder = TrainingFolder(path, state, settings.log_dir, found, note or _say_nothing)
        trained = run_training(plan, style, photos, folder=folder, observers=observers)
    return TrainingReport(
        generator=path / RESULT,
        iterations=trained.iterations,
        resumed_from=trained.resumed_from,
        unreadable=trained.unreadable,
        seconds=time.perf_counter() - start,
    )


def _say_nothing(text: str) -> None:
    pass


def _plan(settings: TrainingSettings, note: Note | None) -> TrainingPlan:
    plan = plan_training(settings)
    for text in plan.notes:
        (note or _say_nothing)(text)
    return plan
