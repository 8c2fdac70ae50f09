"""The folder of a synthesis: what is written there, and how a run is taken up again."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from errors import UserError
from images.writing import write_image
from pipelines.synthesis.settings import SynthesisSettings

COMMAND, PROGRESS, STATE = "command.json", "progress.jsonl", "state.npz"
PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "numpy", "scipy", "pillow")


@dataclass(frozen=True, eq=False)
class State:
    """Where a run stands.

    Attributes:
        frames: float32 (count, height, width, 3), on the canvas of the scale.
        scale: number of the scale, 0 for the coarsest.
        scale_iterations: iterations done at this scale.
        iterations: iterations done in all.
        evaluations: evaluations of loss and gradient done in all.
        seconds: spent so far.
    """

    frames: np.ndarray
    scale: int = 0
    scale_iterations: int = 0
    iterations: int = 0
    evaluations: int = 0
    seconds: float = 0.0


def new_folder(settings: SynthesisSettings) -> Path:
    """Make a folder for a run, named after its settings as the old script did, and return it.

    Raises:
        UserError: the disk has no room for the run.
        OSError: the folder cannot be made.
    """
    parent = Path(settings.output_dir)
    parent.mkdir(parents=True, exist_ok=True)
    _check_disk_space(parent, settings)
    name = _name(settings)
    for suffix in ("", *(f".{i}" for i in range(10_000))):
        try:
            folder = parent / (name + suffix)
            folder.mkdir()
            return folder
        except FileExistsError:
            continue
    raise UserError(f"{parent}: there are too many folders called {name}")


def _name(settings: SynthesisSettings) -> str:
    parts = [f"{settings.output_prefix}.L{','.join(settings.layers)}.o{settings.octaves}"]
    optional = {"s": settings.source_scale, "w": settings.source_width}
    parts += [f"{letter}{value:g}" for letter, value in optional.items() if value is not None]
    parts += [f"c{settings.count}"] if settings.count > 1 else []
    parts += [f"m{settings.mul:g}"] if settings.mul != 1 else []
    parts += [f"j{settings.join_mode}"] if settings.join_mode != "average" else []
    return ".".join([*parts, f"{settings.output_width}x{settings.output_height}"])


def _check_disk_space(folder: Path, settings: SynthesisSettings) -> None:
    """Raise UserError unless the pictures and states of the run fit, none of them compressed."""
    pixels = settings.count * settings.output_width * settings.output_height
    pictures = settings.max_iter // settings.save_every + 3
    needed = pixels * 3 * (pictures + 2 * 4) + 10_000_000
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder}: {free / 1e6:.0f} MB are free on its disk, the run may need {needed / 1e6:.0f} MB (a larger "
            "--save-every needs less)"
        )


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write_command(self, settings: SynthesisSettings, files: Sequence[Path], loss: str) -> None:
        """Write the arguments, versions and sources of the run."""
        content = {
            "arguments": settings.to_json(),
            "sources": {str(path.absolute()): _digest(path) for path in files},
            "versions": _versions(),
            "loss": loss.splitlines(),
        }
        self._write_whole(COMMAND, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())

    def read_settings(self) -> SynthesisSettings:
        """Return the settings of the run.

        Raises:
            UserError: this is not the folder of a run, or a source has changed since.
        """
        try:
            content = json.loads((self.path / COMMAND).read_text())
            settings = SynthesisSettings.from_json(content["arguments"])
            digests = content["sources"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"--resume {self.path}: not the folder of a synthesis ({COMMAND}: {error})") from error
        for path, digest in digests.items():
            if not Path(path).is_file() or _digest(Path(path)) != digest:
                raise UserError(f"--resume {self.path}: the source {path} is missing or has changed")
        return settings

    def write_state(self, state: State) -> None:
        """Keep what a later run needs to go on from here."""
        path = self.path / f".{STATE}.tmp"
        with path.open("wb") as file:
            np.savez(file, **asdict(state))
        path.replace(self.path / STATE)

    def read_state(self) -> State:
        """Return the state that was kept last, and drop the lines of progress beyond it.

        Raises:
            UserError: there is none, or it is damaged.
        """
        try:
            with np.load(self.path / STATE, allow_pickle=False) as arrays:
                values = {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"--resume {self.path}: no saved state to go on from ({error})") from error
        frames = values.pop("frames")
        state = State(frames, **{name: value.item() for name, value in values.items()})
        lines = [line for line in self.read_progress() if line["iteration"] <= state.iterations]
        self._write_whole(PROGRESS, "".join(json.dumps(line) + "\n" for line in lines).encode())
        return state

    def append_progress(self, line: Mapping[str, Any]) -> None:
        """Add a line to the progress."""
        with (self.path / PROGRESS).open("a") as file:
            file.write(json.dumps(line) + "\n")

    def read_progress(self) -> list[dict[str, Any]]:
        """Return the lines of progress; a last one that was cut off while it was written is left out."""
        path = self.path / PROGRESS
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def write_pictures(self, prefix: str, frames: np.ndarray) -> list[Path]:
        """Write frames (count, height, width, 3) as `prefix_F0000.png` ... and return the files."""
        paths = [self.path / f"{prefix}_F{i:04d}.png" for i in range(len(frames))]
        for path, frame in zip(paths, frames, strict=True):
            write_image(path, frame)
        return paths

    def _write_whole(self, name: str, content: bytes) -> None:
        temporary = self.path / f".{name}.tmp"
        temporary.write_bytes(content)
        temporary.replace(self.path / name)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "machine": platform.machine()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
