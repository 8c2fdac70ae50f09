"""A film whose scenes are stylised by the machines of a Ray cluster, and joined: the same film as by one process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from errors import UserError
from film.matching import Matcher
from film.reading import FilmReader
from film.writing import FilmWriter, begin_at
from pipelines.cluster.ray_data import Row, results_of
from pipelines.cluster.session import check_address, check_workers, connected, find_workers
from pipelines.cluster.worker import Network
from pipelines.model_library import find_model
from pipelines.stylization.film.files import FilmFiles
from pipelines.stylization.film.settings import FilmSettings
from pipelines.stylization.film.stylize import (
    PART_FRAMES,
    FilmReport,
    FrameObserver,
    FrameStylizer,
    film_errors,
    held_film,
    open_film,
    open_writer,
    resized_format,
    resized_frames,
    write_frames,
)
from runs.resuming import Note, tell_resumed
from runs.store import write_whole


def stylize_film_on_cluster(
    source: str | os.PathLike,
    output: str | os.PathLike,
    settings: FilmSettings,
    *,
    cluster: str,
    model: str = "starry_night",
    worker_cpus: int = 1,
    overwrite: bool = False,
    observe: FrameObserver = lambda done, count: None,
    note: Note = lambda line: None,
) -> FilmReport:
    """Stylise a film on many machines, a scene on each.

    The film is looked through for cuts first. After an interruption the same call, or that of `stylize_film`, goes on.
    The workers read `source` themselves, and write numbered frames: paths must lead to the same files on all machines.

    Args:
        source: see `stylize_film`, as `output`, `settings`, `model`, `overwrite` and `note`.
        output: the film to write.
        settings: how.
        cluster: "local", or a Ray cluster's address (see `pipelines.cluster.session.connected`).
        model: name or file of the network.
        worker_cpus: processor threads of a worker.
        overwrite: replace an output that exists, and begin an interrupted run anew.
        observe: told after every scene.
        note: told that an interrupted run goes on.

    Raises:
        ArgumentError: an argument has a value that is not allowed, or Ray is not installed.
        UserError: the film, the model or the cluster cannot be used, or another run is at work on this output.
    """
    check_workers(worker_cpus)
    check_address(cluster)  # before the film is looked through
    network = Network(model, find_model(model).read_bytes())
    with held_film(source, output, settings, model=model, overwrite=overwrite) as (reader, files):
        start = perf_counter()
        writer, broken = _writer(reader, files, settings)
        report = FilmReport(files.output, resumed_from=writer.frame_count)
        tell_resumed(note, writer.frame_count, files.folder, unit="frame")
        if scenes := _scenes_left(reader, settings, writer.frame_count):
            with connected(cluster):
                arguments = (network, str(reader.path.absolute()), str(files.output.absolute()), settings, worker_cpus)
                for result in _in_order(results_of(scenes, SceneWorker, arguments, find_workers(worker_cpus)), scenes):
                    _add_scene(result, files, writer, report, broken)
                    observe(writer.frame_count, scenes[-1]["end"])
        report.notes = files.finish(reader, writer)
        report.broken = [float(time * reader.format.time_base) for time in broken]
        report.seconds = perf_counter() - start
        return report


def _writer(reader: FilmReader, files: FilmFiles, settings: FilmSettings) -> tuple[FilmWriter, list[int]]:
    """Return the writer of the stylised film, which goes on after the parts that an interrupted run has kept.

    And the times of the broken frames in these.
    """
    with files.gone_on_with():
        writer = open_writer(files.output.absolute(), files.folder, reader, settings)
        writer.check_parts()
        _, broken = files.kept_state(writer.frame_count)
    return writer, broken


def _scenes_left(reader: FilmReader, settings: FilmSettings, done: int) -> list[Row]:
    """Return the scenes of a film, but for the `done` frames of whole scenes, as rows for `SceneWorker`."""
    starts, count = find_scenes(reader, settings)
    if done and done not in (*starts, count):
        raise UserError(
            f"an interrupted run of one process stopped within a scene, at frame {done}: resume it without "
            "`cluster`, or start over with `overwrite`"
        )
    bounds = [*(start for start in starts if start >= done), count]
    return [{"number": number, "begin": begin, "end": end} for number, (begin, end) in enumerate(pairwise(bounds))]


def find_scenes(reader: FilmReader, settings: FilmSettings) -> tuple[list[int], int]:
    """Return the numbers of the frames with which scenes begin, and the number of all frames.

    A scene needs nothing of the one before. Without steadying no frame does: a scene is then PART_FRAMES frames long.
    """
    match = Matcher()
    starts, count = [0], 0
    for count, frame in enumerate(resized_frames(reader, settings), start=1):
        if frame.pixels is None:
            continue  # it repeats the frame before, which must be of its scene
        if not settings.steady:
            if count - 1 - starts[-1] >= PART_FRAMES:
                starts.append(count - 1)
        else:
            match(frame.pixels)
            if match.is_cut:
                starts.append(count - 1)
    return starts, count


def _in_order(results: Iterator[Row], scenes: list[Row]) -> Iterator[Row]:
    """Yield results by their numbers."""
    waiting: dict[int, Row] = {}
    following = 0
    for result in results:
        waiting[result["number"]] = result
        while following in waiting:
            found = waiting.pop(following)
            if found.get("lost"):
                scene = scenes[following]
                raise UserError(f"too many workers were lost over the frames from {scene['begin']} to {scene['end']}")
            yield found
            following += 1


def _add_scene(result: Row, files: FilmFiles, writer: FilmWriter, report: FilmReport, broken: list[int]) -> None:
    """Add the parts of a scene to the film, and the times of its broken frames to `broken`."""
    if result["error"]:
        raise UserError(result["error"])
    for name, content in zip(result["names"], result["contents"], strict=True):
        write_whole(files.folder / name, content)
    times = [(int(time), int(duration)) for time, duration in zip(result["times"], result["durations"], strict=True)]
    count = writer.frame_count + len(times)
    broken += [int(time) for time in result["broken"]]
    files.write_state(count, {}, broken)
    writer.add_parts(times)
    files.drop_states_before(count)
    report.frames += len(times)
    report.network_seconds += result["network_seconds"]


class SceneWorker:
    """Stylises the scenes of a film; Ray Data makes one in each worker process.

    Args:
        network: the model.
        source: the film.
        output: the film that is written; numbered frames are written by this object itself.
        settings: how.
        threads: number that the backend may use.
    """

    def __init__(self, network: Network, source: str, output: str, settings: FilmSettings, threads: int) -> None:
        self.source, self.output, self.settings = source, output, settings
        self.model_error = ""
        try:
            look = settings.frame
            self.generator = network.load(precision=look.precision, style=look.style, threads=threads)
        except UserError as error:
            self.model_error = str(error)

    def __call__(self, row: Row) -> Row:
        """Stylise the frames from "begin" to "end".

        Returns:
            The row's "number", an "error", the parts' file "names" and "contents", the frames' "times" and "durations",
            the times of "broken" ones, and the "network_seconds".
        """
        nothing: Row = {"names": [], "contents": [], "times": [], "durations": [], "broken": [], "network_seconds": 0.0}
        done = {"number": row["number"], "error": self.model_error, **nothing}
        if self.model_error:
            return done
        try:
            with film_errors(), TemporaryDirectory() as folder:
                return done | self._parts(row, Path(folder))
        except (UserError, OSError) as error:
            return done | {"error": " ".join(str(error).split())}

    def _parts(self, row: Row, folder: Path) -> dict[str, Any]:
        begin, end = row["begin"], row["end"]
        reader = open_film(self.source, self.settings)
        begin_at(folder, begin)
        writer = open_writer(Path(self.output), folder, reader, self.settings)
        stylizer = FrameStylizer(self.generator, self.settings, resized_format(reader.format, self.settings))
        frames = resized_frames(reader, self.settings, begin=begin, end=end)
        write_frames(frames, stylizer, writer, end_part=lambda *_: writer.end_part())
        parts = [path for path in sorted(folder.iterdir()) if path.suffix != ".json"]
        times = writer.times[begin:]
        return {
            "names": [path.name for path in parts],
            "contents": [path.read_bytes() for path in parts],
            "times": [time for time, _ in times],
            "durations": [duration for _, duration in times],
            "broken": stylizer.broken,
            "network_seconds": stylizer.network_seconds,
        }
