"""The files of a film that is stylised: its parts, and what an interrupted run needs to go on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from errors import ArgumentError
from film.errors import FilmError
from film.formats import ANIMATIONS, WRITABLE_CONTAINERS, check_target, is_numbered
from film.frame import missing_end
from film.reading import FilmReader, frame_numbers, frame_path, frame_places
from film.writing import COUNT_NAME, FilmWriter
from images.temporary_files import remove_stale, temporary_path
from options import refuse
from pipelines.inputs import check_input_files
from pipelines.outputs import check_file_output, check_folder_output, check_names_file, made_folder
from pipelines.stylization.film.settings import FilmSettings
from runs.lock import check_replaceable, hold
from runs.resuming import Found, Identity, check_resumable
from runs.stopping import uninterrupted
from runs.store import DAMAGE, DamagedError, digest, read_json, read_state, write_json, write_state

COMMAND = "command.json"
# The options that name the files, by how what they are begins.
FILES = {"input": "input", "first frame": "input", "model": "model", "mask": "mask"}


def check_paths(source: str | os.PathLike, target: str | os.PathLike, settings: FilmSettings) -> None:
    """Raise ArgumentError where there is no such film, or the `target` cannot be written."""
    check_names_file(target)
    output = Path(target)
    if not is_numbered(source):
        check_input_files(input=source)
    else:
        _check_numbered(source)
    try:
        check_target(output, codec=settings.codec, quality=settings.quality)
    except FilmError as error:
        raise ArgumentError(f"`output` {error}") from error
    _refuse_idle(source, output, settings)
    if is_numbered(output):
        check_folder_output(output.parent)
    else:
        check_file_output(output)
    if os.path.realpath(source) == os.path.realpath(output):
        raise ArgumentError(f"`output` {output} is the input and would be overwritten")
    if is_numbered(source) and is_numbered(output):  # two patterns may name the same files
        numbers = frame_numbers(Path(source))
        frames = {os.path.realpath(frame_path(Path(source), number)) for number in numbers}
        written = (frame_path(output, numbers[0] + i) for i in range(numbers[-1] - numbers[0] + 1))
        if same := next((path for path in written if os.path.realpath(path) in frames), None):
            raise ArgumentError(f"`output` {output}: {same} is an input and would be overwritten")


def _refuse_idle(source: str | os.PathLike, output: Path, settings: FilmSettings) -> None:
    """Raise ArgumentError where options are given that have no effect on this film."""
    if not is_numbered(source):
        refuse(settings, ("frame_rate",), f"only for numbered frames, not for `input` {source}")
    suffix = "" if is_numbered(output) else output.suffix.lower()
    if suffix not in WRITABLE_CONTAINERS:
        refuse(settings, ("codec",), f"only for videos, not for `output` {output}")
        if ANIMATIONS.get(suffix) != "WEBP":
            refuse(settings, ("quality",), f"only for videos and animated WebP, not for `output` {output}")


def _check_numbered(source: str | os.PathLike) -> None:
    try:
        found = frame_numbers(Path(source))
    except FilmError as error:
        raise ArgumentError(f"`input` {error}") from error
    if not found:
        raise ArgumentError(f"`input` {source}: no such numbered frames")


class FilmFiles:
    """The folder of parts beside a film.

    Args:
        source: the film to read.
        output: the film to write.
        model: file of the network.
        settings: what is asked for.
    """

    def __init__(self, source: Path, output: Path, model: Path, settings: FilmSettings) -> None:
        self.output = output
        self.folder = output.with_name(f"{output.name.replace('%', '')}.parts")
        masks = {f"mask {i}": Path(mask) for i, mask in enumerate(settings.frame.masks, start=1)}
        files = _first_files(source) | {"model": model} | masks
        self.identity = Identity(_options(settings), {name: digest(path) for name, path in files.items()})

    @contextmanager
    def held(self, *, overwrite: bool) -> Iterator[None]:
        """Hold the folder inside; begin it anew, or go on with the interrupted run that it holds.

        Args:
            overwrite: begin anew, whatever is there.

        Raises:
            ArgumentError: the output is there already, or the interrupted run had other options.
            UserError: another run is using this folder, a file has changed since, or one cannot be written.
        """
        if _exists(self.output) and not self.folder.exists() and not overwrite:
            raise ArgumentError(f"`output` {self.output} exists; `overwrite` replaces it")
        self._check_places()
        with made_folder(self.folder.absolute()), hold(self.folder / ".lock"):
            self._begin(overwrite=overwrite)
            yield

    def _begin(self, *, overwrite: bool) -> None:
        for folder in (self.folder, self.output.absolute().parent):
            remove_stale(folder)
        if overwrite or not (self.folder / COUNT_NAME).exists():  # no part is kept, there is nothing to go on from
            self._empty()
        if (self.folder / COMMAND).exists():
            self._check()
        else:
            write_json(self.folder / COMMAND, asdict(self.identity))

    def _check_places(self) -> None:
        """Raise an error where something else than the files of a run stands in the place of its parts or frames."""
        check_folder_output(self.folder)
        if self.folder.exists():
            check_replaceable(self.folder.iterdir())
        if is_numbered(self.output):
            check_replaceable(frame_places(self.output))

    def _check(self) -> None:
        with self.gone_on_with():
            kept = read_json(self.folder / COMMAND)
            identity = Identity(dict(kept["options"]), dict(kept["digests"]))
        check_resumable(self.identity, Found(identity, str(self.folder)), FILES, anew="overwrite")

    @contextmanager
    def gone_on_with(self) -> Iterator[None]:
        """Read what an interrupted run has kept inside.

        Raises:
            DamagedError: it cannot be read.
        """
        try:
            yield
        except (FilmError, *DAMAGE) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError | FileNotFoundError) else error
            raise DamagedError(
                f"{self.folder}: there is no saved state to resume from ({reason}); `overwrite` starts over"
            ) from error

    def _empty(self) -> None:
        for path in self.folder.iterdir():
            if path.name != ".lock":
                path.unlink()

    def write_state(self, frame_count: int, state: Mapping[str, np.ndarray], broken: Sequence[int]) -> None:
        """Keep what the frame after `frame_count` frames needs, and the times of the broken ones among these.

        Call it before the part with these frames ends.
        """
        write_state(self.folder / f"state-{frame_count}.npz", state, {"broken": list(broken)})

    def drop_states_before(self, frame_count: int) -> None:
        """Remove what is not needed any more."""
        for path in self.folder.glob("state-*.npz"):
            if _number(path) < frame_count:
                path.unlink()

    def kept_state(self, frame_count: int) -> tuple[dict[str, np.ndarray], list[int]]:
        """Return the state and the times that `write_state` kept; earlier versions kept no times."""
        if not frame_count:
            return {}, []
        state, about = read_state(self.folder / f"state-{frame_count}.npz")
        return state, [int(time) for time in about.get("broken", ())]

    def finish(self, reader: FilmReader, writer: FilmWriter) -> list[str]:
        """Put the film together, remove the folder of its parts, and return what could not be kept, a line each."""
        writer.finish()
        done = temporary_path(self.folder)
        with uninterrupted():
            self.folder.rename(done)  # at once: a folder of which a half is left would be gone on with, or refused
            shutil.rmtree(done)
        return [*writer.notes, *missing_end(reader.path, reader.format, writer.times)]


def _options(settings: FilmSettings) -> dict[str, Any]:
    """Return the options by name, those of a frame beside those of the film."""
    options = asdict(settings)
    frame = options.pop("frame")
    masks = [os.path.realpath(mask) for mask in frame.pop("masks")]
    return {**frame, "mask": masks, **options}


def _number(path: Path) -> int:
    return int(path.stem.removeprefix("state-"))


def _exists(output: Path) -> bool:
    return bool(frame_numbers(output)) if is_numbered(output) else output.exists()


def _first_files(source: Path) -> dict[str, Path]:
    """Return the files by which a film is known again."""
    if not is_numbered(source):
        return {"input": source}
    return {"first frame": frame_path(source, frame_numbers(source)[0])}
