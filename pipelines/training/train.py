"""Training a feed-forward generator for a style or a texture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from images.reading import read_image
from pipelines.startup import quiet_startup
from pipelines.training.settings import TrainingSettings

if TYPE_CHECKING:
    from pipelines.training.observers import Observer


@dataclass(frozen=True)
class TrainingReport:
    """What a run did.

    `resumed_from`: the iteration of the checkpoint it went on from, 0 for a new run. `unreadable`: number of files of
    the data folder that were met and left out. `seconds`: from the start to the end.
    """

    generator: Path
    iterations: int
    resumed_from: int
    unreadable: int
    seconds: float


def train_generator(settings: TrainingSettings, observers: Sequence[Observer] = ()) -> TrainingReport:
    """Train a generator and leave it as `generator.keras` in the folder of checkpoints.

    Beside it: the last three checkpoints, `history.csv` with the losses of every iteration, and `previews/`. A run
    with the same settings and `resume` goes on from the last checkpoint. Batches, crops and noise depend on the
    iteration and the seed alone. Training is Keras' `fit` on the backend of this process.

    Args:
        settings: what is asked for.
        observers: told after every iteration; each may raise StopIteration to end the run with its result, as a run
            with `num_iterations` up to there would have left it but for a cosine's learning rate.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
        UserError: a file cannot be read, the disk is full, or the loss is not a number any more.
        ImageError: the style picture cannot be read.
    """
    start = time.perf_counter()
    read_image(settings.style_image)
    with quiet_startup():
        from pipelines.training.checkpoints import check_folder
        from pipelines.training.run import RESULT, run_training
    check_folder(settings)
    resumed_from, iterations, unreadable = run_training(settings, observers)
    return TrainingReport(
        generator=settings.checkpoints_folder / RESULT,
        iterations=iterations,
        resumed_from=resumed_from,
        unreadable=unreadable,
        seconds=time.perf_counter() - start,
    )
