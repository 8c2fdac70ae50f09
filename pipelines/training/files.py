"""The folder of a training run: checkpoints with the whole state, each written completely or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import keras
import numpy as np

from compat import WeightsFile
from errors import ArgumentError
from images.errors import ImageError
from images.picture import Picture
from images.resizing import resize_long_side
from images.temporary_files import remove_stale, whole_file
from model.untrusted.hdf5 import check_hdf5
from model.untrusted.sizes import check_values
from options import to_json
from pipelines.descriptors import Descriptor
from pipelines.inputs import check_input_files, read_opaque
from pipelines.model_library import find_model
from pipelines.outputs import check_disk_space, check_folder_output, made_folder
from pipelines.training.settings import MODELS, PREVIEW, PREVIEWS, RESULT, TrainingSettings, distinct_layers
from runs.lock import check_replaceable, hold
from runs.machine import choose_precision
from runs.resuming import Found, Identity, Note, check_resumable, tell_resumed
from runs.store import DAMAGE, DamagedError, digest

# The losses, beside the result, the folder of previews and the checkpoints.
HISTORY = "history.csv"
WRITTEN = (RESULT, HISTORY, "checkpoint-*.weights.h5", f"{PREVIEWS}/{PREVIEW}")
KEPT = 3
NAME = re.compile(r"checkpoint-([0-9]{8,})\.weights\.h5")
ATTRIBUTE, DIGEST = "training", "sha256"
# What may differ between a run and its continuation; everything else must be the same.
NOT_COMPARED = frozenset({"num_iterations", "save_every", "checkpoints_path", "resume", "restart", "threads"})
NOT_COMPARED |= {"weights", "data_dir", "log_dir"}
# The options that name the files, by how what they are begins.
FILES = {"style picture": "style_image", "network of `add_style`": "add_style", "weights": "weights"}

# The values that runs of versions without these options had.
WITHOUT_TERMS = {"consistency_weight": 0.0, "mirrored_border": 0, "spectrum_weight": 0.0, "histogram_weight": 0.0}


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make the folder, keep other runs away from it, and remove what killed ones have left.

    A new folder in which nothing was written, because the run was refused, goes again.

    Raises:
        ArgumentError: something stands where the folder of previews is to be.
        UserError: another run is using this folder, or its files cannot be written.
    """
    check_folder_output(folder / PREVIEWS, name="checkpoints_path")
    check_replaceable(path for name in WRITTEN for path in folder.glob(name))
    with made_folder(folder), hold(folder / ".lock"):
        remove_stale(folder)
        yield


def read_styles(settings: TrainingSettings) -> dict[str, np.ndarray]:
    """Return the style pictures by name, float32 (height, width, 3) in [0, 1], resized as the settings ask.

    Raises:
        ArgumentError: none is named, or two files have one name.
        ImageError: one cannot be read.
    """
    if not settings.style_image:
        raise ArgumentError("`style_image` is needed")
    check_input_files(style_image=settings.style_image, weights=settings.weights)
    names = [Path(path).stem for path in settings.style_image]
    if len(set(names)) < len(names):
        raise ArgumentError(
            f"`style_image`: styles are named after their files, and two of {', '.join(names)} are the same"
        )
    pictures = [resized_style(read_opaque(path), settings.style_size) for path in settings.style_image]
    return dict(zip(names, pictures, strict=True))


def resized_style(style: np.ndarray, longer: int) -> np.ndarray:
    """Return a picture (height, width, 3) with this longer side in pixels; 0 keeps its size.

    Raises:
        ArgumentError: it would be too large.
    """
    try:
        return resize_long_side(Picture(style), longer).pixels if longer else style
    except ImageError as error:
        raise ArgumentError(f"`style_size`: {error}") from error


def write_checkpoint(folder: Path, model: keras.Model, iteration: int, state: Mapping[str, Any]) -> Path:
    """Write the checkpoint after `iteration` and delete all but the last KEPT.

    The file is Keras' own weights file: the generator's weights, the states of its random generators, and the
    optimiser with its iteration. Batches, crops and noise are functions of the iteration and the seed, so this is
    the data's position too.

    Args:
        folder: where checkpoints are kept.
        model: compiled, with its optimiser built.
        iteration: number of steps done.
        state: what `read_state` returns beside the iteration, ready for JSON.

    Raises:
        OSError: it cannot be written.
    """
    path = folder / f"checkpoint-{iteration:08d}.weights.h5"
    content = WeightsFile()  # in memory first: where a disk becomes full, HDF5 ends the whole process
    model.save_weights(content)
    sign(content, {"iteration": iteration, **state})
    with whole_file(path) as file:
        file.write(content.getbuffer())
        file.flush()
        os.fsync(file.fileno())  # not even a power failure leaves half of it under its final name
    for old in checkpoints(folder)[:-KEPT]:
        old.unlink()
    return path


def sign(path: Path | BinaryIO, state: Mapping[str, Any] | None = None) -> None:
    """Put the state, if there is one to put, and the digest of the arrays into a checkpoint."""
    with h5py.File(path, "a") as file:
        if state is not None:
            file.attrs[ATTRIBUTE] = json.dumps(state)
        file.attrs[DIGEST] = _digest(file)


def _digest(file: h5py.File) -> str:
    """Return the SHA-256 of the names and values of all arrays in a file.

    Raises:
        UserError: one is NaN, infinite or beyond MAX_WEIGHT.
    """
    digest = hashlib.sha256()

    def add(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            values = np.ascontiguousarray(item[()])
            check_values(f"weight {name}", values)
            digest.update(name.encode())
            digest.update(values.tobytes())

    file.visititems(add)
    return digest.hexdigest()


def weights_are_finite(model: keras.Model) -> bool:
    """Say whether all trained weights are finite numbers."""
    return all(np.isfinite(keras.ops.convert_to_numpy(variable)).all() for variable in model.trainable_variables)


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`, the oldest first; what is called so and is no file is not one."""
    found = (path for path in folder.glob("*") if NAME.fullmatch(path.name) and path.is_file())
    return sorted(found, key=lambda path: (len(path.name), path.name))  # from 100,000,000 on with a digit more


def read_state(path: Path) -> dict[str, Any]:
    """Return the state that `write_checkpoint` stored, with the "iteration".

    Raises:
        DamagedError: the file is not such a checkpoint, or damaged; or a weight is NaN, infinite or beyond MAX_WEIGHT.
    """
    try:
        with h5py.File(path, "r") as file:
            state = json.loads(file.attrs[ATTRIBUTE])
            check_hdf5(file, path.stat().st_size)
            digest = _digest(file)
            # Earlier versions kept none.
            is_whole = file.attrs.get(DIGEST, digest) == digest
        name = NAME.fullmatch(path.name)
        if (
            name is None
            or state["iteration"] != int(name[1])
            or not isinstance(state["settings"], dict)
            or not isinstance(state.get("digests", {}), dict)
            or not is_whole
        ):
            raise ValueError("its contents have changed")
    except DAMAGE as error:
        raise DamagedError(f"{path}: not a checkpoint of train.py, or damaged ({error})") from error
    return state


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint to go on from.

    Attributes:
        path: the weights file.
        iteration: steps done.
    """

    path: Path
    iteration: int


def identity_of(settings: TrainingSettings, styles: Mapping[str, np.ndarray], descriptor: Descriptor) -> Identity:
    """Return what must be the same when a run goes on; the weights of VGG-19 are found or downloaded for it.

    Photos are not among the files: folders of photos grow.

    Args:
        settings: what is asked for.
        styles: the style pictures by name, which have no files where they were given as arrays.
        descriptor: of the loss.
    """
    files = {f"style picture {i}": Path(path) for i, path in enumerate(settings.style_image, start=1)}
    if settings.add_style is not None:
        files["network of `add_style`"] = find_model(os.fspath(settings.add_style), option="`add_style`")
    digests = {name: digest(path) for name, path in (files | descriptor.files()).items()}
    if not settings.style_image:
        arrays = enumerate(styles.values(), start=1)
        digests |= {f"style picture {i} in memory": hashlib.sha256(array.tobytes()).hexdigest() for i, array in arrays}
    return Identity(comparable(settings, list(styles)), digests)


def checkpoints_to_resume(settings: TrainingSettings, identity: Callable[[], Identity], note: Note) -> list[Checkpoint]:
    """Return the sound checkpoints of the folder, the newest first, from which this run goes on; none: it starts over.

    Args:
        settings: what is asked for.
        identity: returns that of this run; not asked where there is nothing to go on from.
        note: told of checkpoints that are damaged.

    Raises:
        ArgumentError: the run there had other settings or files, is complete, or did more iterations than asked for.
        DamagedError: there are checkpoints, but none that is sound.
    """
    folder = Path(settings.checkpoints_path)
    if settings.restart or not checkpoints(folder):
        return []
    sound = _sound(folder, note)
    path, state = sound[0]
    _check_length(settings, path, state["iteration"])
    kept = WITHOUT_TERMS | state["settings"]
    if "styles" in kept:  # their names, in earlier versions
        kept["style_image"] = kept.pop("styles")
    found = Identity(kept, state.get("digests", {}))  # earlier versions have kept none
    check_resumable(identity(), Found(found, str(folder)), FILES)
    return [Checkpoint(path, other["iteration"]) for path, other in sound if other["settings"] == state["settings"]]


def _sound(folder: Path, note: Note) -> list[tuple[Path, dict[str, Any]]]:
    """Return the sound checkpoints, at least one, with their states, the newest first."""
    found, errors = [], []
    for path in reversed(checkpoints(folder)):
        try:
            found.append((path, read_state(path)))
        except DamagedError as error:
            errors.append(error)
    if not found:
        raise DamagedError(f"{errors[0]}; there is no intact checkpoint; `restart` starts over")
    for damage in errors:
        note(f"{damage}; it is not used")
    return found


def _check_length(settings: TrainingSettings, path: Path, iteration: int) -> None:
    if iteration > settings.num_iterations:
        raise ArgumentError(f"`num_iterations` {settings.num_iterations}: {path.name} already has {iteration}")
    if iteration == settings.num_iterations and not settings.resume:
        raise ArgumentError(
            f"`checkpoints_path` {settings.checkpoints_path}: it contains the checkpoints of a completed "
            "run: increase `num_iterations` to continue it, use `restart` to start over, or choose another folder"
        )


def comparable(settings: TrainingSettings, styles: Sequence[str]) -> dict[str, Any]:
    """Return what a continued run must share with the run that it continues, ready for JSON; `styles` are names."""
    resolved = {
        "content_layers": list(distinct_layers("content_layers", settings.content_layers)),
        "style_layers": list(distinct_layers("style_layers", settings.style_layers)),
        "model": settings.model or MODELS[settings.mode],
        "precision": choose_precision(settings.precision)[0],
        "image_size": settings.sizes[0] if len(settings.sizes) == 1 else list(settings.sizes),
        "generator_options": json.loads(json.dumps(dict(settings.generator_options))),
        "data": None if settings.data is None else os.path.realpath(settings.data),
        "initial_generator": _network(settings.initial_generator),
        # Of a single style the name is nowhere.
        "style_image": styles if len(styles) > 1 or settings.add_style is not None else 1,
    }
    return {name: value for name, value in (to_json(settings) | resolved).items() if name not in NOT_COMPARED}


def _network(name: str | os.PathLike | None) -> str | None:
    """Return the name of an included network, or the place of a file, which need not be there any more."""
    if name is None or not Path(name).suffix:
        return None if name is None else os.fspath(name)
    return os.path.realpath(name)


def load_checkpoint(found: Sequence[Checkpoint], model: keras.Model, note: Note) -> int:
    """Give the model and its optimiser the values of the first checkpoint that fits them; return its iteration.

    Raises:
        DamagedError: the arrays of none are those of this model.
    """
    for checkpoint in found:
        try:
            model.load_weights(checkpoint.path)
        except DAMAGE as error:
            reason = " ".join(str(error).split())[:200]
            note(f"{checkpoint.path}: damaged ({reason}); it is not used")
            continue
        tell_resumed(note, checkpoint.iteration, checkpoint.path.parent)
        return checkpoint.iteration
    raise DamagedError(f"{found[0].path}: damaged, and there is no older intact checkpoint; `restart` starts over")


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of an earlier run, before a run that starts over writes its own."""
    for path in checkpoints(folder):
        path.unlink()


def check_checkpoint_space(folder: Path, model: keras.Model) -> None:
    """Raise UserError unless the disk has room for the checkpoints, the result and the previews of a run."""
    # Weights, their averages and Adam's two, in float32, in one checkpoint more than are kept; and the result twice.
    needed = 4 * model.count_params() * (4 * (KEPT + 1) + 2) + 50_000_000
    check_disk_space(folder, needed)
