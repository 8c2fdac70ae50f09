"""The folder of a synthesis: what is written there, and how an interrupted run is found and read again."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from errors import UserError
from images.folders import naming
from images.temporary_files import remove_stale
from images.writing import write_image
from options import to_json
from pipelines.outputs import check_disk_space
from pipelines.synthesis.folder.animation import write_gif, write_mp4
from pipelines.synthesis.folder.command import COMMAND, FILES, digests_of, identity, identity_of_folder, write_command
from pipelines.synthesis.folder.progress import draw_progress, read_progress
from pipelines.synthesis.settings import SynthesisSettings
from runs.lock import check_replaceable, hold, is_held, remove_stale_lock
from runs.resuming import Found, check_resumable
from runs.store import DAMAGE, DamagedError, read_json, read_state, write_state, write_whole

if TYPE_CHECKING:
    from optimize.state import OptimizerState
    from pipelines.synthesis.plan import SynthesisPlan
    from runs.state import RunState

PROGRESS, STATE, LOCK = "progress.jsonl", "state.npz", ".lock"
WRITTEN = (COMMAND, PROGRESS, STATE, "loss.png", "*_F*.png", "animation.*")
FRAMES_PER_SECOND = 10
# Characters of the names of layers in the name of a folder, in place of which their number stands where they are more:
# the names of files have 255.
MAX_LAYER_NAMES = 120
# SciPy's workspace and what stands beside it, for each value of a picture.
STATE_BYTES = 8 * 28


@contextmanager
def open_folder(
    settings: SynthesisSettings,
    plan: SynthesisPlan,
    files: Mapping[str, Path],
    describe: Callable[[], str],
    *,
    restart: bool,
) -> Iterator[RunFolder]:
    """Yield the folder of a run, held: that of an interrupted one with the same options and pictures, or a new one.

    Args:
        settings: what is asked for.
        plan: that follows from it.
        files: that were read, by what they are.
        describe: returns the printed loss, for a new folder.
        restart: whether to begin anew in any case.

    Raises:
        ArgumentError: an interrupted run of this name, or with the same output file, has other options.
        UserError: it cannot be read, or the disk has no room for a new one.
    """
    folder = None if restart else _interrupted(settings, plan, files)
    is_new = folder is None
    if folder is None:
        loss = describe()
        folder = _new_folder(settings, plan)
    with folder.held():
        if is_new:
            folder.begin(settings, files, loss)
        yield folder


def _interrupted(settings: SynthesisSettings, plan: SynthesisPlan, files: Mapping[str, Path]) -> RunFolder | None:
    """Return the folder of the latest run of this name if it was interrupted, or None."""
    base = _base(settings, plan)
    folder = RunFolder(_numbered(base, _next_number(base) - 1), settings.save_every, settings.output)
    found = folder.find(plan) if folder.path.is_dir() else None
    other = _with_same_output(settings, plan) if found is None else found
    if other is not None:
        check_resumable(identity(settings, plan, digests_of(files)), other, FILES)
    return None if found is None else folder


def _with_same_output(settings: SynthesisSettings, plan: SynthesisPlan) -> Found | None:
    """Return the latest run that is to write the same file, in a folder of any name, if it was interrupted."""
    folders: list[Path] = []
    output = to_json(settings)["output"]
    for command in Path(settings.output_dir).glob(f"*/{COMMAND}") if output else ():
        with suppress(*DAMAGE, UserError):  # damaged, which is no concern of this run
            if read_json(command)["arguments"]["output"] == output:
                folders.append(command.parent)
    latest = max(folders, key=lambda folder: (folder / COMMAND).stat().st_mtime_ns, default=None)
    return None if latest is None else RunFolder(latest, settings.save_every, settings.output).find(plan)


def _new_folder(settings: SynthesisSettings, plan: SynthesisPlan) -> RunFolder:
    """Return a folder for a run, named after its settings as the old script did: the latest where it was abandoned."""
    base = _base(settings, plan)
    _check_disk_space(base.parent, settings, plan)
    base.parent.mkdir(parents=True, exist_ok=True)
    number = _next_number(base)
    latest = RunFolder(_numbered(base, number - 1), settings.save_every, settings.output)
    if number >= 0 and latest.is_abandoned():
        return latest
    remove_stale_lock(latest.path / LOCK)
    while True:
        folder = RunFolder(_numbered(base, number), settings.save_every, settings.output)
        try:
            folder.path.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def _base(settings: SynthesisSettings, plan: SynthesisPlan) -> Path:
    layers = ",".join(plan.geometry.layers)
    if len(layers) > MAX_LAYER_NAMES:
        layers = str(len(plan.geometry.layers))
    parts = [f"{settings.output_prefix}.L{layers}.o{plan.geometry.octaves}"]
    optional = {"s": settings.source_scale, "w": settings.source_width}
    parts += [f"{letter}{value:g}" for letter, value in optional.items() if value is not None]
    parts += [f"c{settings.count}"] if settings.count > 1 else []
    parts += [f"m{settings.mul:g}"] if settings.mul != 1 else []
    parts += [f"j{settings.join_mode}"] if settings.join_mode != "average" else []
    height, width = plan.geometry.size
    return Path(settings.output_dir) / ".".join([*parts, f"{width}x{height}"])


def _numbered(base: Path, number: int) -> Path:
    return base if number < 0 else base.with_name(f"{base.name}.{number}")


def _next_number(base: Path) -> int:
    """Return the number after the highest one of the folders of this name: 0 after that without one, -1 for none."""
    name = re.compile(re.escape(base.name) + r"(?:\.([0-9]+))?")
    found = (name.fullmatch(path.name) for path in base.parent.glob("*") if path.is_dir())
    return 1 + max((int(match[1] or -1) for match in found if match), default=-2)


def _check_disk_space(folder: Path, settings: SynthesisSettings, plan: SynthesisPlan) -> None:
    """Raise UserError unless the pictures and states of the run fit, none of them compressed."""
    values = math.prod(plan.shapes[-1])
    pictures = settings.max_iter // settings.save_every + 3
    needed = values * (pictures + 2 * STATE_BYTES) + 10_000_000
    check_disk_space(folder, needed, "a larger `save_every` needs less")


class RunFolder:
    """The files of one run, which keep it while it lasts.

    Args:
        path: the folder, which exists.
        save_every: iterations between saved pictures and states.
        output: further file for the first final picture, or None.

    Attributes:
        pictures: files of the final pictures, once they are there.
    """

    way_on = "the same command"

    def __init__(self, path: Path, save_every: int, output: str | os.PathLike | None) -> None:
        self.path = path
        self.save_every = save_every
        self.output = output
        self.pictures: list[Path] = []

    @contextmanager
    def held(self) -> Iterator[RunFolder]:
        """Keep other runs away, and remove what killed ones have left.

        Raises:
            UserError: another run is at work in this folder, or its files cannot be written.
        """
        check_replaceable(path for name in WRITTEN for path in self.path.glob(name))
        with hold(self.path / LOCK):
            for path in (self.path, *([] if self.output is None else [Path(self.output).absolute().parent])):
                remove_stale(path)
            yield self

    def is_abandoned(self) -> bool:
        """Say whether a run was killed here before it had kept anything."""
        names = {path.name for path in self.path.glob("*") if not path.name.startswith(".")}
        return self.path.is_dir() and names <= {COMMAND, PROGRESS} and not is_held(self.path / LOCK)

    def begin(self, settings: SynthesisSettings, files: Mapping[str, Path], loss: str) -> None:
        """Write the arguments, versions and sources of the run."""
        (self.path / PROGRESS).unlink(missing_ok=True)  # of a run that was killed early
        write_command(self.path, settings, files, loss)

    def find(self, plan: SynthesisPlan) -> Found | None:
        """Return the interrupted run in this folder, or None: there is none that has not ended by itself.

        Raises:
            UserError: it cannot be read.
        """
        try:
            _, about = read_state(self.path / STATE)
        except FileNotFoundError:
            return None
        # Earlier versions do not tell; they end with the final pictures.
        if about.get("finished", (self.path / "final_F0000.png").exists()):
            return None
        return Found(identity_of_folder(self.path, plan), str(self.path))

    def restored(self, optimizer: type[OptimizerState], shapes: list[tuple[int, ...]]) -> RunState | None:
        """Return the state that was kept last, or None where the run had not come to that.

        Args:
            optimizer: class of the optimiser's state.
            shapes: (count, height, width, 3) of the frames at each scale.

        Raises:
            DamagedError: it cannot be read, or is not that of this run.
        """
        from runs.state import RunState, check_fits  # loads Keras

        try:
            arrays, _ = read_state(self.path / STATE)
            if "frames" in arrays:  # of earlier versions, which kept the pictures alone
                arrays["optimizer_point"] = arrays.pop("frames")
            state = RunState.from_arrays(arrays, optimizer)
            check_fits(state, shapes)
        except FileNotFoundError:
            return None
        except (DamagedError, *DAMAGE) as error:
            raise self._damaged(error) from error
        self._drop_progress_after(state.iterations)
        return state

    def _damaged(self, reason: object) -> DamagedError:
        """Return the error for a state that cannot be gone on from."""
        return DamagedError(f"{self.path}: there is no saved state to resume from ({reason}); `restart` starts over")

    def _drop_progress_after(self, iterations: int) -> None:
        """Leave out the lines of progress beyond an iteration, which is done again."""
        lines = [line for line in read_progress(self.path / PROGRESS) if line["iteration"] <= iterations]
        write_whole(self.path / PROGRESS, "".join(json.dumps(line) + "\n" for line in lines).encode())

    def is_time_to_save(self, iterations: int) -> bool:
        """Tell whether pictures and state are to be kept after this iteration."""
        return iterations % self.save_every == 0

    def save(self, state: RunState, frames: np.ndarray) -> None:
        """Keep pictures and state."""
        write_state(self.path / STATE, state.to_arrays(), {"finished": False})
        self._write_pictures(f"I{state.iterations:04d}", frames)

    def record(self, line: Mapping[str, Any]) -> None:
        """Add the numbers of an iteration to the progress."""
        with naming(self.path / PROGRESS), (self.path / PROGRESS).open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _write_pictures(self, prefix: str, frames: np.ndarray) -> list[Path]:
        """Write frames (count, height, width, 3) as `prefix_F0000.png` ... and return the files."""
        paths = [self.path / f"{prefix}_F{i:04d}.png" for i in range(len(frames))]
        for path, frame in zip(paths, frames, strict=True):
            write_image(path, frame)
        return paths

    def finish(self, frames: np.ndarray) -> None:
        """Write the final pictures, and for several frames the animation."""
        self.pictures = self._write_pictures("final", frames)
        if len(frames) > 1:
            write_gif(self.path / "animation.gif", frames, frames_per_second=FRAMES_PER_SECOND)
            write_mp4(self.path / "animation.mp4", frames, frames_per_second=FRAMES_PER_SECOND)
        if self.output is not None:
            write_image(self.output, frames[0])

    def complete(self, state: RunState) -> None:
        """Keep the last state of a run that ended by itself: no later run goes on from it."""
        write_state(self.path / STATE, state.to_arrays(), {"finished": True})

    def close(self) -> None:
        """Draw the loss and its terms by evaluation, with a line where a scale begins; nothing without progress."""
        if lines := read_progress(self.path / PROGRESS):
            draw_progress(self.path / "loss.png", lines)
