"""Training a feed-forward generator for a style or a texture: from arrays, or from files into a folder."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from errors import ArgumentError
from pipelines.inputs import pictures_in
from pipelines.model_library import find_model
from pipelines.outputs import check_folder_output, check_not_read, check_utf8
from pipelines.startup import quiet_startup
from pipelines.training.settings import PREVIEW, PREVIEWS, RESULT, TrainingSettings
from runs.resuming import Note

if TYPE_CHECKING:
    import keras

    from pipelines.training.plan import TrainingPlan
    from runs.progress import Observer


@dataclass(frozen=True)
class TrainingReport:
    """What a run did.

    Attributes:
        generator: file of the result.
        iterations: done in all.
        resumed_from: iteration of the checkpoint that it went on from, 0 for a new run.
        unreadable: why files of the data folder were left out that were met, each with its name.
        seconds: that this part of the run took.
    """

    generator: Path
    iterations: int
    resumed_from: int
    unreadable: tuple[str, ...]
    seconds: float


def train_on_pictures(
    style: np.ndarray | Mapping[str, np.ndarray],
    photos: Sequence[Path | np.ndarray] = (),
    *,
    checkpoints_path: str | os.PathLike | None = None,
    observers: Sequence[Observer] = (),
    note: Note = lambda line: None,
    **options: Any,
) -> keras.Model:
    """Train a generator on pictures in memory and return it.

    Args:
        style: picture whose style or texture is learned, float32 (height, width, 3) in [0, 1], RGB; or several by name,
            for one network of these styles.
        photos: pictures to train on, likewise, or their files; none in texture mode.
        checkpoints_path: folder of checkpoints, previews and the history of losses; None: they are not written.
        observers: told after every iteration; each may raise StopIteration to end the run with its result.
        note: told what the user should know before the run begins.
        options: further ones of `TrainingSettings`, but for those that name files of pictures.

    Raises:
        ArgumentError: an option has a value that is not allowed, pictures are too small, or the folder holds a run
            with other options.
        UserError: there are no weights of VGG-19, or the loss is not a number any more.
    """
    if checkpoints_path is not None:
        options["checkpoints_path"] = checkpoints_path
    settings = TrainingSettings(**options)
    if settings.mode == "style" and not photos:
        raise ArgumentError("`data` is needed in style mode: photos to train on")
    if settings.mode == "texture" and photos:
        raise ArgumentError("`data`: only for `mode` style, not for a texture")
    pictures = dict(style) if isinstance(style, Mapping) else {"": style}
    plan = _plan(settings, pictures)
    with quiet_startup(settings.precision):
        from pipelines.training.files import resized_style
        from pipelines.training.run import run_training
    styles = {name: resized_style(picture, settings.style_size) for name, picture in pictures.items()}
    if checkpoints_path is None:
        return run_training(plan, list(styles.values()), photos, observers=observers, note=note).generator
    from model.saving import load_model

    _check_places(settings)
    return load_model(_train_in_folder(settings, plan, styles, photos, observers, note).generator)


def train_generator(
    settings: TrainingSettings, observers: Sequence[Observer] = (), *, note: Note = lambda line: None
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
    if settings.mode == "style" and settings.data is None:
        raise ArgumentError("`data` is needed in style mode: a folder of photos")
    with quiet_startup(settings.precision):
        from pipelines.training.files import read_styles
    _check_places(settings)
    styles = read_styles(settings)
    photos: list[Path] = []
    if settings.mode == "style" and settings.data is not None:
        photos = photos_in(settings.data, settings.checkpoints_path)
    plan = _plan(settings, styles)
    return _train_in_folder(settings, plan, styles, photos, observers, note)


def photos_in(folder: str | os.PathLike, checkpoints_path: str | os.PathLike | None) -> list[Path]:
    """Return the photos below a folder, without the previews of a run that goes on with the photos it began with.

    Raises:
        ArgumentError: there are none.
    """
    skip = None if checkpoints_path is None else Path(checkpoints_path) / PREVIEWS
    return pictures_in(folder, "data", recursive=True, skip=skip)


def _check_places(settings: TrainingSettings) -> None:
    """Raise ArgumentError where a folder cannot be made, a network is not there, or a file would be overwritten.

    A run that goes on does not need the network that it began with.
    """
    check_folder_output(settings.checkpoints_path, name="checkpoints_path")
    networks = [settings.add_style, settings.initial_generator]
    check_not_read(Path(settings.checkpoints_path) / RESULT, networks, name="checkpoints_path")
    for style in map(Path, settings.style_image):
        if style.match(PREVIEW):
            check_not_read(Path(settings.checkpoints_path) / PREVIEWS / style.name, [style], name="checkpoints_path")
    if settings.log_dir is not None:
        check_folder_output(settings.log_dir, name="log_dir")
        check_utf8(settings.log_dir, "a folder of TensorBoard's logs", name="log_dir")
    if settings.add_style is not None:
        find_model(os.fspath(settings.add_style), option="`add_style`")
    if settings.initial_generator is not None and not any(Path(settings.checkpoints_path).glob("checkpoint-*")):
        find_model(os.fspath(settings.initial_generator), option="`initial_generator`")


def _train_in_folder(
    settings: TrainingSettings,
    plan: TrainingPlan,
    styles: Mapping[str, np.ndarray],
    photos: Sequence[Path | np.ndarray],
    observers: Sequence[Observer],
    note: Note,
) -> TrainingReport:
    from pipelines.training import files
    from pipelines.training.devices import is_first_process
    from pipelines.training.run import TrainingFolder, run_training

    start = time.perf_counter()
    path = Path(settings.checkpoints_path)
    with files.held(path) if is_first_process() else nullcontext():
        identity = cache(partial(files.identity_of, settings, styles, plan.objective.descriptor))
        folder = TrainingFolder(path, identity, files.checkpoints_to_resume(settings, identity, note))
        trained = run_training(plan, list(styles.values()), photos, folder=folder, observers=observers, note=note)
    return TrainingReport(
        generator=path / RESULT,
        iterations=trained.iterations,
        resumed_from=trained.resumed_from,
        unreadable=trained.unreadable,
        seconds=time.perf_counter() - start,
    )


def _plan(settings: TrainingSettings, styles: Iterable[str]) -> TrainingPlan:
    with quiet_startup(settings.precision):
        from pipelines.training.plan import plan_training
    return plan_training(settings, tuple(styles))
