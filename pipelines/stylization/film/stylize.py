"""Stylising a film: a film in, a film out, decoding and encoding beside the network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from errors import UserError
from film.errors import FilmError
from film.frame import FilmFormat, Frame
from film.reading import FilmReader
from film.steadying import Steadier
from film.writing import FilmWriter, film_writer
from images.errors import ImageError
from images.picture import Picture
from images.reading import read_image
from images.resizing import resize
from pipelines.inputs import check_local
from pipelines.model_library import find_model
from pipelines.stylization.film.files import FilmFiles, check_paths
from pipelines.stylization.film.settings import FilmSettings
from pipelines.stylization.film.threads import Worker, ahead
from pipelines.stylization.stylize import load_stylizer
from runs.resuming import Note, tell_resumed
from runtimes.terminal import raise_lost_interrupt

if TYPE_CHECKING:
    from pipelines.stylization.generator import Stylizer

# Frames of a part: what an interrupted run may lose at most.
PART_FRAMES = 48


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
    note: Note = lambda line: None,
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
    with held_film(source, output, settings, model=model, overwrite=overwrite) as (reader, files):
        look = settings.frame
        generator = load_stylizer(model, precision=look.precision, style=look.style, masks=look.masks)
        return _run(reader, files, generator, settings, observe, note)


@contextmanager
def held_film(
    source: str | os.PathLike,
    output: str | os.PathLike,
    settings: FilmSettings,
    *,
    model: str,
    overwrite: bool,
) -> Iterator[tuple[FilmReader, FilmFiles]]:
    """Yield a film to read and the files of its parts, which nobody else writes meanwhile.

    Arguments and exceptions are those of `stylize_film`.
    """
    check_local("films cannot be in buckets", input=source, output=output)
    check_paths(source, output, settings)
    output = Path(output)
    with film_errors():
        reader = open_film(source, settings)
        files = FilmFiles(Path(source), output, find_model(model), settings)
        with files.held(overwrite=overwrite):
            yield reader, files


@contextmanager
def film_errors() -> Iterator[None]:
    """Raise UserError for the errors of films inside."""
    try:
        yield
    except FilmError as error:
        raise UserError(str(error)) from error


def open_film(source: str | os.PathLike, settings: FilmSettings) -> FilmReader:
    """Return the reader of a film.

    Raises:
        FilmError: it cannot be read.
    """
    frame_rate = Fraction(settings.frame_rate).limit_denominator(100_000)
    return FilmReader(source, frame_rate=frame_rate, read_picture=_read_numbered)


def _read_numbered(path: Path) -> np.ndarray | None:
    """Return one of the numbered frames on white: a picture like any other, upright and in sRGB."""
    try:
        picture = read_image(path)
    except ImageError:
        return None
    if picture.alpha is None:
        return picture.pixels
    return 1 + picture.alpha[..., np.newaxis] * (picture.pixels - 1)


def open_writer(path: Path, folder: Path, reader: FilmReader, settings: FilmSettings) -> FilmWriter:
    """Return the writer of the stylised film, with its parts in `folder`.

    Raises:
        FilmError: such a film cannot be written.
    """
    about = resized_format(reader.format, settings)
    return film_writer(path, folder, about, source=reader.path, codec=settings.codec, quality=settings.quality)


def _run(
    reader: FilmReader,
    files: FilmFiles,
    generator: Stylizer,
    settings: FilmSettings,
    observe: FrameObserver,
    note: Note,
) -> FilmReport:
    start = perf_counter()
    about = resized_format(reader.format, settings)
    stylizer = FrameStylizer(generator, settings, about)
    with files.gone_on_with():
        writer = open_writer(files.output, files.folder, reader, settings)
        writer.check_parts()
        state, stylizer.broken = files.kept_state(writer.frame_count)
        stylizer.steadier.restore(state, about.height, about.width)
    tell_resumed(note, writer.frame_count, files.folder, unit="frame")
    report = FilmReport(files.output, resumed_from=writer.frame_count)
    frames = resized_frames(reader, settings, begin=writer.frame_count)
    count = write_frames(
        frames,
        stylizer,
        writer,
        end_part=partial(end_part, files, writer),
        observe=lambda number: observe(number, reader.format.frame_count),
    )
    report.notes = files.finish(reader, writer)
    report.frames = count - report.resumed_from
    report.broken = [float(time * reader.format.time_base) for time in stylizer.broken]
    report.network_seconds, report.seconds = stylizer.network_seconds, perf_counter() - start
    return report


def write_frames(
    frames: Iterable[Frame],
    stylizer: FrameStylizer,
    writer: FilmWriter,
    *,
    end_part: Callable[[int, dict[str, np.ndarray], list[int]], object],
    observe: Callable[[int], object] = lambda number: None,
) -> int:
    """Stylise frames and write them; decoding and encoding run beside the network.

    Parts end after PART_FRAMES frames and at cuts: so a film has the same parts, whoever makes those of each scene.

    Args:
        frames: those after the frames that `writer` has.
        stylizer: makes the stylised picture of each frame.
        writer: takes the finished frames.
        end_part: called in the writer's thread with the number of frames, the stylizer's state, times of broken frames.
        observe: told the number of frames after each.

    Returns:
        The number of frames that the writer has in all.
    """
    number = begin = writer.frame_count
    with closing(Worker()) as beside:
        for frame in ahead(frames) if stylizer.has_begun else stylizer.begun(ahead(frames)):
            stylized = stylizer(frame)
            if stylizer.is_cut and number > begin:
                beside.do(partial(end_part, number, {}, [*stylizer.broken]))
                begin = number
            beside.do(partial(writer.write, stylized))
            number += 1
            if number - begin == PART_FRAMES:
                beside.do(partial(end_part, number, stylizer.steadier.state(), [*stylizer.broken]))
                begin = number
            observe(number)
            raise_lost_interrupt()
    if number > begin:
        end_part(number, stylizer.steadier.state(), stylizer.broken)
    return number


def end_part(
    files: FilmFiles, writer: FilmWriter, number: int, state: dict[str, np.ndarray], broken: list[int]
) -> None:
    """End a part after `number` frames, with the stylizer's state and the times of broken frames."""
    files.write_state(number, state, broken)
    writer.end_part()
    files.drop_states_before(number)


class FrameStylizer:
    """Stylises the frames of a film one after the other.

    Args:
        generator: the network.
        settings: how.
        about: the film as it is written.

    Attributes:
        steadier: what each frame has from the ones before.
        is_cut: whether there was a cut before the last frame.
        broken: times of the frames that had no pixels, and repeat the one before.
        network_seconds: the network's time.

    Raises:
        ArgumentError: the frames do not fit into this machine's memory.
    """

    def __init__(self, generator: Stylizer, settings: FilmSettings, about: FilmFormat) -> None:
        from pipelines.stylization.masks import masks_of, networks_of, shares_of  # loads Keras
        from pipelines.stylization.picture_plan import check_frames

        check_frames(
            networks_of(generator), about.height, about.width, settings.frame.brush_size, len(masks_of(generator))
        )
        self.generator = generator
        self.settings = settings
        self.steadier = Steadier(settings.steady, shares_of(generator, about.height, about.width))
        self.is_cut = False
        self.broken: list[int] = []
        self.network_seconds = 0.0

    @property
    def has_begun(self) -> bool:
        """Whether there is a frame that broken ones can repeat."""
        return self.steadier.result is not None

    def begun(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames of a film; those that are broken at its beginning show the first whole one.

        Raises:
            UserError: all frames are broken.
        """
        frames = iter(frames)
        waiting: list[Frame] = []
        for frame in frames:
            waiting.append(frame)
            if frame.pixels is not None:
                break
        else:
            if waiting:
                raise UserError("all frames of the film are broken")
            return
        self.broken += [frame.time for frame in waiting[:-1]]
        yield from (replace(frame, pixels=waiting[-1].pixels) for frame in waiting)
        yield from frames

    def __call__(self, frame: Frame) -> Frame:
        """Return the frame stylised; a broken one repeats the one before.

        Raises:
            UserError: the network fails.
        """
        self.is_cut = False
        if frame.pixels is None:
            self.broken.append(frame.time)
            return replace(frame, pixels=self.steadier.result)
        from pipelines.stylization.generator import stylize_picture  # loads Keras

        start = perf_counter()
        look = self.settings.frame
        picture = stylize_picture(
            Picture(frame.pixels),
            self.generator,
            strength=look.strength,
            keep_colors=look.keep_colors,
            brush_size=look.brush_size,
        )
        self.network_seconds += perf_counter() - start
        steadied = self.steadier(frame.pixels, picture.pixels)
        self.is_cut = self.steadier.is_cut
        return replace(frame, pixels=steadied)


def resized_format(about: FilmFormat, settings: FilmSettings) -> FilmFormat:
    """Return the format of the film that is written: with sides that are even where the size is changed."""
    if settings.frame.image_size is None:
        return about
    scale = settings.frame.image_size / max(about.height, about.width)
    height, width = (max(2, 2 * round(side * scale / 2)) for side in (about.height, about.width))
    return replace(about, width=width, height=height)


def resized_frames(
    reader: FilmReader, settings: FilmSettings, *, begin: int = 0, end: int | None = None
) -> Iterator[Frame]:
    """Yield the frames from the number `begin` to before `end` as the network takes them."""
    about = resized_format(reader.format, settings)
    for frame in reader.frames_from(begin, end):
        yield frame if frame.pixels is None else replace(frame, pixels=resize(frame.pixels, about.height, about.width))
