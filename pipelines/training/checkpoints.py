"""Checkpoints: everything a run needs to go on, in one file each, written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from errors import ArgumentError, UserError
from pipelines.training.settings import TrainingSettings, option

KEPT = 3
NAME = re.compile(r"checkpoint-(\d{8})\.weights\.h5")
ATTRIBUTE = "training"


def write_checkpoint(folder: Path, model: keras.Model, iteration: int, state: Mapping[str, Any]) -> Path:
    """Write the checkpoint after `iteration` and delete all but the last KEPT.

    The file is Keras' own weights file: the generator's weights, the states of its random generators, and the
    optimiser with its iteration. Batches, crops and noise are functions of the iteration and the seed, so this is
    the data's position too.

    Args:
        folder: of the checkpoints.
        model: compiled, with its optimiser built.
        iteration: number of steps done.
        state: what `read_state` returns beside the iteration, ready for JSON.
    """
    path = folder / f"checkpoint-{iteration:08d}.weights.h5"
    temporary = folder / f".{os.getpid()}.tmp.weights.h5"
    try:
        model.save_weights(temporary, overwrite=True)
        with h5py.File(temporary, "a") as file:
            file.attrs[ATTRIBUTE] = json.dumps({"iteration": iteration, **state})
        _flush(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    for old in checkpoints(folder)[:-KEPT]:
        old.unlink()
    return path


def weights_are_finite(model: keras.Model) -> bool:
    """Say whether all trained weights are finite numbers."""
    return all(np.isfinite(keras.ops.convert_to_numpy(variable)).all() for variable in model.trainable_variables)


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`, the oldest first."""
    return sorted(path for path in folder.glob("*") if NAME.fullmatch(path.name))


def read_state(path: Path) -> dict[str, Any]:
    """Return the state that `write_checkpoint` stored, with the "iteration".

    Raises:
        UserError: the file is not such a checkpoint.
    """
    try:
        with h5py.File(path, "r") as file:
            return json.loads(file.attrs[ATTRIBUTE])
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not a checkpoint of train.py, or damaged ({error})") from error


def check_folder(settings: TrainingSettings) -> None:
    """Make the folder of checkpoints ready.

    Left-overs of a process that was killed while it wrote are deleted.

    Raises:
        ArgumentError: it holds another run's checkpoints and `resume` is not asked for.
    """
    folder = settings.checkpoints_folder
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(".*.tmp.*"):
        path.unlink(missing_ok=True)
    if checkpoints(folder) and not settings.resume:
        raise ArgumentError(
            f"--checkpoints-path {folder}: there are checkpoints of an earlier run: --resume goes on with it, "
            "or choose another folder"
        )


def last_checkpoint(settings: TrainingSettings) -> Path | None:
    """Return the checkpoint from which to resume; None: there is none, or it is not asked for.

    Raises:
        ArgumentError: it was made with other settings, or after more iterations than asked for.
        UserError: it cannot be read.
    """
    found = checkpoints(settings.checkpoints_folder) if settings.resume else []
    if not found:
        return None
    state = read_state(found[-1])
    fixed = json.loads(json.dumps(settings.fixed()))
    for name, value in state["settings"].items():
        if fixed.get(name) != value:
            raise ArgumentError(
                f"--resume: {found[-1].name} was made with {option(name)} {value}, not {fixed.get(name)}"
            )
    if state["iteration"] > settings.num_iterations:
        raise ArgumentError(
            f"--num-iterations {settings.num_iterations}: {found[-1].name} already has {state['iteration']}"
        )
    return found[-1]


def check_disk_space(folder: Path, model: keras.Model) -> None:
    """Raise UserError unless the disk has room for the checkpoints, the result and the previews of a run."""
    # Weights and Adam's two averages, in float32, in one checkpoint more than are kept; and the result twice.
    needed = 4 * model.count_params() * (3 * (KEPT + 1) + 2) + 50_000_000
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(f"{folder}: {free / 1e6:.0f} MB are free on its disk, training needs {needed / 1e6:.0f} MB")


def _flush(path: Path) -> None:
    """Let the file reach the disk, so that not even a power failure leaves half of it under its final name."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
