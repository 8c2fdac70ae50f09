"""Training a feed-forward generator for a style or a texture."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from images.reading import read_image
from pipelines.startup import quiet_startup
from pipelines.training_settings import TrainingSettings


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


def train_generator(settings: TrainingSettings) -> TrainingReport:
    """Train a generator and leave it as `generator.keras` in the folder of checkpoints.

    Beside it: the last three checkpoints, `history.csv` with the losses of every iteration, and `previews/`. A run
    with the same settings and `resume` goes on from the last checkpoint. Batches, crops and noise depend on the
    iteration and the seed alone. Training is Keras' `fit` on the backend of this process.

    Raises:
        ArgumentError: an argument has a value that is not allowed.
        UserError: a file cannot be read, the disk is full, or the loss is not a number any more.
        ImageError: the style picture cannot be read.
    """
    start = time.perf_counter()
    read_image(settings.style_image)
    with quiet_startup():
        from pipelines.training_checkpoints import check_folder
        from pipelines.training_loop import RESULT, run_training
    check_folder(settings)
    resumed_from, unreadable = run_training(settings)
    return TrainingReport(
        generator=settings.checkpoints_folder / RESULT,
        iterations=settings.num_iterations,
        resumed_from=resumed_from,
        unreadable=unreadable,
        seconds=time.perf_counter() - start,
    )
