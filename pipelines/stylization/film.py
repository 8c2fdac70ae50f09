"""Stylising a film: a film in, a film out, decoding and encoding beside the network."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from errors import ArgumentError, UserError
from film.errors import FilmError
from film.frame import FilmFormat, Frame
from film.reading import FilmReader
from film.steadying import Steadier
from film.writing import FilmWriter, check_target, film_writer
from images.picture import Picture
from images.resizing import resize
from pipelines.model_library import find_model
from pipelines.stylization.film_files import FilmFiles
from pipelines.stylization.film_settings import FilmSettings
from pipelines.stylization.stylize import load_stylizer

if TYPE_CHECKING:
    from pipelines.stylization.generator import Generator

# Frames of a part: what an interrupted run may lose at most.
PART_FRAMES = 48
# Frames that wait between decoder, network and encoder.
WAITING = 4

T = TypeVar("T")


@dataclass
class FilmReport:
    """What a run did.

    Attributes:
        output: the film.
        frames: that were stylised in this run.
        resumed_from: frames that an interrupted run had done.
        broken: times in seconds of frames that could not be decoded; the one before is shown instead.
        network_seconds: the network's time over this run's frames.
        seconds: in all, without loading the network.
        notes: what of the film could not be kept, a line each.
    """

    output: Path
    frames: int = 0
    resumed_from: int = 0
    broken: list[float] = field(default_factory=list)
    network_seconds: float = 0.0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)


# Told after every frame: frames done in all, and how many there are (None where the film does not tell).
FrameObserver = Callable[[int, int | None], object]


def stylize_film(
    source: str | os.PathLike,
    output: str | os.PathLike,
    settings: FilmSettings,
    *,
    model: str = "starry_night",
    overwrite: bool = False,
    observe: FrameObserver = lambda done, count: None,
    note: Callable[[str], object] = lambda line: None,
) -> FilmReport:
    """Stylise a film; its sound, subtitles and times are kept.

    Parts of PART_FRAMES frames are kept in a folder beside the output (`film.mp4.parts`) until the film is whole:
    after an interruption the same call goes on with the next part, and ends in the same film.

    Args:
        source: video, GIF, animated WebP, or numbered frames such as `frames/%06d.png`.
        output: likewise; its suffix names the format.
        settings: how.
        model: name of a model that ships with the program, or a `.keras` file under the image contract.
        overwrite: replace an output that exists, and begin an interrupted run anew.
        observe: told after every frame.
        note: told that an interrupted run goes on.

    Raises:
        ArgumentError: an argument has a value that is not allowed, or the interrupted run had other options.
        UserError: the film or the model cannot be read, or another run is at work on this output.
        KeyboardInterrupt: Ctrl-C; whole parts are kept.
    """
    output = Path(output)
    with _film_errors():
        check_target(output, codec=settings.codec, quality=settings.quality)
        reader = FilmReader(source, frame_rate=Fraction(settings.frame_rate).limit_denominator(100_000))
        if os.path.realpath(source) == os.path.realpath(output):
            raise ArgumentError(f"`output` {output} is the input and would be overwritten")
        files = FilmFiles(Path(source), output, find_model(model), settings)
        with files.held(overwrite=overwrite, note=note):
            generator = load_stylizer(model, precision=settings.frame.precision)
            return _run(reader, files, generator, settings, observe)


@contextmanager
def _film_errors() -> Iterator[None]:
    try:
        yield
    except FilmError as error:
        raise UserError(str(error)) from error


def _run(
    reader: FilmReader, files: FilmFiles, generator: Generator, settings: FilmSettings, observe: FrameObserver
) -> FilmReport:
    start = perf_counter()
    about = _resized_format(reader.format, settings)
    writer = film_writer(
        files.output, files.folder, about, source=reader.path, codec=settings.codec, quality=settings.quality
    )
    stylizer = FrameStylizer(generator, settings)
    files.restore(writer.frame_count, stylizer.steadier)
    report = FilmReport(files.output, resumed_from=writer.frame_count)
    frames = _resized(islice(reader, writer.frame_count, None), about)
    with closing(_Worker()) as beside:
        for number, frame in enumerate(_ahead(frames), start=writer.frame_count + 1):
            beside.do(partial(writer.write, stylizer(frame)))
            if number % PART_FRAMES == 0:
                beside.do(partial(_end_part, files, writer, number, stylizer.steadier.state()))
            report.frames += 1
            observe(number, about.frame_count)
    _end_part(files, writer, report.resumed_from + report.frames, stylizer.steadier.state())
    writer.finish()
    files.remove()
    report.broken = [float(time * about.time_base) for time in stylizer.broken]
    report.network_seconds, report.seconds = stylizer.network_seconds, perf_counter() - start
    report.notes = writer.notes
    return report


def _end_part(files: FilmFiles, writer: FilmWriter, number: int, state: dict[str, np.ndarray]) -> None:
    files.write_state(number, state)
    writer.end_part()
    files.drop_states_before(number)


class FrameStylizer:
    """Stylises the frames of a film one after the other.

    Args:
        generator: the network.
        settings: how.

    Attributes:
        steadier: what each frame has from the ones before.
        broken: times of the frames that had no pixels, and repeat the one before.
        network_seconds: the network's time.
    """

    def __init__(self, generator: Generator, settings: FilmSettings) -> None:
        self.generator = generator
        self.settings = settings
        self.steadier = Steadier(settings.steady)
        self.broken: list[int] = []
        self.network_seconds = 0.0

    def __call__(self, frame: Frame) -> Frame:
        """Return the frame stylised.

        Raises:
            UserError: the first frame is broken, or the network fails.
        """
        if frame.pixels is None:
            self.broken.append(frame.time)
            if self.steadier.result is None:
                raise UserError("the first frame of the film is broken")
            return replace(frame, pixels=self.steadier.result)
        from pipelines.stylization.generator import stylize_picture  # loads Keras

        start = perf_counter()
        look = self.settings.frame
        picture = stylize_picture(
            Picture(frame.pixels), self.generator, strength=look.strength, keep_colors=look.keep_colors
        )
        self.network_seconds += perf_counter() - start
        return replace(frame, pixels=self.steadier(frame.pixels, picture.pixels))


def _resized_format(about: FilmFormat, settings: FilmSettings) -> FilmFormat:
    """Return the format of the film that is written: with sides that are even where the size is changed."""
    if settings.frame.image_size is None:
        return about
    scale = settings.frame.image_size / max(about.height, about.width)
    height, width = (max(2, 2 * round(side * scale / 2)) for side in (about.height, about.width))
    return replace(about, width=width, height=height)


def _resized(frames: Iterable[Frame], about: FilmFormat) -> Iterator[Frame]:
    for frame in frames:
        yield frame if frame.pixels is None else replace(frame, pixels=resize(frame.pixels, about.height, about.width))


def _ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield `items`, which another thread takes from their iterator up to WAITING of them ahead."""
    waiting: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(WAITING)
    is_over = threading.Event()

    def take() -> None:
        end = None
        try:
            for item in items:
                waiting.put((item,))
                if is_over.is_set():
                    return
        except BaseException as error:  # raised where the items are used
            end = error
        waiting.put(end)

    threading.Thread(target=take, daemon=True).start()
    try:
        while (taken := waiting.get()) is not None:
            if isinstance(taken, BaseException):
                raise taken
            yield taken[0]
    finally:
        is_over.set()


class _Worker:
    """Another thread that does jobs in order."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Callable[[], object] | None] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._error is None:
                try:
                    job()
                except BaseException as error:  # raised at the next job
                    self._error = error

    def do(self, job: Callable[[], object]) -> None:
        """Have a job done when those before are; raise what one of them raised."""
        if self._error is not None:
            raise self._error
        self._jobs.put(job)

    def close(self) -> None:
        """Wait for all jobs; raise what one of them raised."""
        self._jobs.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error
