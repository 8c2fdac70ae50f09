"""Writing films in parts, so that an interrupted run keeps what it had: videos, animations, numbered frames.

Every `end_part` keeps the frames so far, whole or not at all; a writer that is made anew for the same film and folder
goes on after them. `finish` puts the parts together.
"""

from __future__ import annotations

import abc
import heapq
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from PIL import Image

from film.color import HIGH_RANGES, from_rgb
from film.encoders import add_encoder
from film.errors import FilmError
from film.formats import ANIMATIONS, MIN_TICKS, TICKS, check_target, is_numbered, plain_name
from film.frame import FilmFormat, Frame
from film.packets import delay
from film.reading import frame_numbers, frame_path
from film.sound import lost_tracks, other_packets
from images.temporary_files import whole_file, whole_path
from images.writing import OPTIONS, save_image, to_bytes

COUNT_NAME = "frames.json"


class FilmWriter(abc.ABC):
    """Writes the frames of a film.

    Args:
        folder: of the parts; it exists.

    Attributes:
        frame_count: frames that the parts hold.
        notes: what could not be kept, a line each.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self.times = _read_times(folder / COUNT_NAME)
        self.frame_count = len(self.times)

    @abc.abstractmethod
    def write(self, frame: Frame) -> None:
        """Add a frame, which has pixels, to the present part."""

    def end_part(self) -> None:
        """Keep the frames so far."""
        with whole_path(self.folder / COUNT_NAME) as temporary:
            temporary.write_text(json.dumps(self.times))
        self.frame_count = len(self.times)

    def add_parts(self, times: Sequence[tuple[int, int]]) -> None:
        """Keep frames of these times and durations, whose parts another writer has made and that are in the folder."""
        self.times += times
        FilmWriter.end_part(self)

    @abc.abstractmethod
    def check_parts(self) -> None:
        """Raise FilmError where the parts do not hold the frames so far."""

    @abc.abstractmethod
    def finish(self) -> None:
        """Put the parts together. The film appears whole or not at all."""


def _read_times(path: Path) -> list[tuple[int, int]]:
    """Return the times and durations of the frames so far; none where no part was kept."""
    try:
        return [(int(time), int(duration)) for time, duration in json.loads(path.read_bytes())]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise FilmError(f"{path}: damaged ({error})") from error


def _check_frames(paths: Iterable[Path]) -> None:
    """Raise FilmError where one of the frames that were kept is not there any more."""
    if missing := next((path for path in paths if not path.is_file()), None):
        raise FilmError(f"{missing}: this frame was kept, and is missing")


def film_writer(
    path: str | os.PathLike, folder: Path, about: FilmFormat, *, source: Path, codec: str = "h264", quality: int = 75
) -> FilmWriter:
    """Return the writer of a film.

    Args:
        path: what to write: a video, `.gif`, `.webp`, or a pattern such as `frames/%06d.png`.
        folder: for the parts; it exists.
        about: the film that is written.
        source: film whose sound and subtitles are copied into a video.
        codec: of a video: "h264", "hevc" or "av1".
        quality: of a video or a WebP, 1 to 100.

    Raises:
        FilmError: the name, the codec or the quality is not allowed, or it cannot be read how many frames there are.
    """
    path = Path(path)
    check_target(path, codec=codec, quality=quality)
    writer: FilmWriter
    if is_numbered(path):
        writer = _NumberedWriter(path, folder, about.first_number)
    elif path.suffix.lower() in ANIMATIONS:
        writer = _AnimationWriter(path, folder, about, quality)
    else:
        writer = _VideoWriter(path, folder, about, source=source, codec=codec, quality=quality)
    is_video = isinstance(writer, _VideoWriter)
    writer.notes += _lost_range(about, source, is_video=is_video) + ([] if is_video else lost_tracks(source))
    if about.pixel_aspect != 1 and not is_video:
        shape = f"{float(about.pixel_aspect):.4g} times as wide as high"
        writer.notes.append(f"{source}: its pixels are {shape}, which only videos can tell: the frames look distorted")
    return writer


def _lost_range(about: FilmFormat, source: Path, *, is_video: bool) -> list[str]:
    """Return a line about the levels that 8 bits cannot keep, where there are such."""
    if about.transfer in HIGH_RANGES:
        kept = "kept as it is encoded, in 8 bits a channel" if is_video else "not kept: the pictures look pale"
        return [f"{source}: its high dynamic range ({HIGH_RANGES[about.transfer]}) is {kept}"]
    return [f"{source}: its {about.bits} bits a channel become 8"] if about.bits > 8 else []


def begin_at(folder: Path, frame_count: int) -> None:
    """Let the next writer in an empty folder number its parts as if `frame_count` frames were written."""
    (folder / COUNT_NAME).write_text(json.dumps([(0, 0)] * frame_count))


def _to_image(pixels: np.ndarray | None) -> Image.Image:
    if pixels is None:
        raise ValueError("a broken frame has to be replaced before it is written")
    return Image.fromarray(to_bytes(pixels))


class _NumberedWriter(FilmWriter):
    """Numbered frames are their own parts: each is a whole file, under its final name, with the number it had."""

    def __init__(self, pattern: Path, folder: Path, first_number: int) -> None:
        super().__init__(folder)
        self.pattern = pattern
        self.first_number = first_number
        pattern.parent.mkdir(parents=True, exist_ok=True)

    def write(self, frame: Frame) -> None:
        form = Image.registered_extensions()[self.pattern.suffix.lower()]
        with whole_file(frame_path(self.pattern, self.first_number + len(self.times))) as file:
            save_image(_to_image(frame.pixels), file, form, **OPTIONS.get(form, {}))
        self.times.append((frame.time, frame.duration))

    def check_parts(self) -> None:
        _check_frames(frame_path(self.pattern, self.first_number + i) for i in range(self.frame_count))

    def finish(self) -> None:
        """Tell of frames that are none of this film; there is nothing to put together."""
        written = range(self.first_number, self.first_number + len(self.times))
        if others := [number for number in frame_numbers(self.pattern) if number not in written]:
            numbers = f"numbers {others[0]} to {others[-1]}" if len(others) > 1 else f"number {others[0]}"
            self.notes.append(f"{self.pattern}: {numbers} were there before and are not of this film")


class _AnimationWriter(FilmWriter):
    """GIF and animated WebP; the parts are PNG files."""

    def __init__(self, path: Path, folder: Path, about: FilmFormat, quality: int) -> None:
        super().__init__(folder)
        self.path = path
        self.about = about
        self.quality = quality

    def write(self, frame: Frame) -> None:
        with whole_path(self._frame(len(self.times)), ".png") as temporary:
            _to_image(frame.pixels).save(temporary, compress_level=1)
        self.times.append((frame.time, frame.duration))

    def _frame(self, number: int) -> Path:
        return self.folder / f"frame-{number:06d}.png"

    def check_parts(self) -> None:
        _check_frames(map(self._frame, range(self.frame_count)))

    def finish(self) -> None:
        form = ANIMATIONS[self.path.suffix.lower()]
        shown = self._shown(Fraction(MIN_TICKS[form]) * TICKS[form])
        if lost := len(self.times) - len(shown):
            frames = "1 frame is" if lost == 1 else f"{lost} frames are"
            self.notes.append(f"{self.path}: {frames} left out: {form} shows no more")
        first, *rest = (self._frame(i) for i in shown)
        plays = self.about.plays
        if form == "GIF":
            options = {"optimize": False} | ({} if plays == 1 else {"loop": max(0, plays - 1)})
        else:
            options = {"quality": self.quality, "method": 4, "loop": plays}
        durations = self._durations(shown, form)
        images = (_read(path, form) for path in rest)
        try:
            with whole_path(self.path, self.path.suffix) as temporary:
                _read(first, form).save(
                    temporary, format=form, save_all=True, append_images=images, duration=durations, **options
                )
        except OverflowError as error:  # of a GIF, where frames that are equal are one picture
            raise FilmError(f"{self.path}: GIF shows no picture for longer than 655.35 s") from error

    def _shown(self, shortest: Fraction) -> list[int]:
        """Return the numbers of the frames that are shown: each for at least `shortest` seconds."""
        shown = [0]
        for number, (time, _) in enumerate(self.times):
            if (time - self.times[shown[-1]][0]) * self.about.time_base >= shortest:
                shown.append(number)
        return shown

    def _durations(self, shown: Sequence[int], form: str) -> list[int]:
        """Return how long each frame is shown, in milliseconds: until the next one comes, the last one for long enough.

        Times are rounded to the ticks of the format, not durations, whose errors would add up.
        """
        end = self.times[-1][0] + (self.times[-1][1] or 1 / (self.about.frame_rate * self.about.time_base))
        times = (*(self.times[number][0] for number in shown), end)
        ticks = [round((time - times[0]) * self.about.time_base / TICKS[form]) for time in times]
        ticks[-1] = max(ticks[-1], ticks[-2] + MIN_TICKS[form])
        return [round((end - start) * TICKS[form] * 1000) for start, end in pairwise(ticks)]


def _read(path: Path, form: str) -> Image.Image:
    with Image.open(path) as image:
        image.load()
    return image.quantize(256, dither=Image.Dither.FLOYDSTEINBERG) if form == "GIF" else image


class _VideoWriter(FilmWriter):
    """Videos; each part is a file that holds an encoder's packets alone, the times stand beside it."""

    def __init__(self, path: Path, folder: Path, about: FilmFormat, *, source: Path, codec: str, quality: int) -> None:
        super().__init__(folder)
        self.path = path
        self.about = about
        self.source = source
        self.codec = codec
        self.quality = quality
        # In YCbCr 4:2:0 H.264 and HEVC have no odd sizes; whoever shows a film of an odd size shows 4:4:4.
        is_even = about.width % 2 == 0 and about.height % 2 == 0
        self.pixel_format = "yuv420p" if is_even or codec == "av1" else "yuv444p"
        self.part: av.container.OutputContainer | None = None
        self.temporary = folder / "present.mp4"

    def write(self, frame: Frame) -> None:
        if frame.pixels is None:
            raise ValueError("a broken frame has to be replaced before it is written")
        if self.part is None:
            self.part = av.open(plain_name(self.temporary), "w", format="mp4")
            try:
                self.stream = add_encoder(self.part, self.about, self.codec, self.quality, self.pixel_format)
            except av.FFmpegError as error:
                held = f"{self.codec} cannot hold a film of {self.about.width} x {self.about.height} pixels"
                raise FilmError(f"{self.path}: {held}") from error
            self.part_begin = frame.time
        picture = from_rgb(frame.pixels, self.about.matrix, self.pixel_format)
        picture.pts, picture.time_base = frame.time - self.part_begin, self.about.time_base
        self.part.mux(self.stream.encode(picture))
        self.times.append((frame.time, frame.duration))

    def end_part(self) -> None:
        if self.part is None:
            return
        self.part.mux(self.stream.encode())
        self.part.close()
        self.part = None
        # Named after its first frame: frames beyond the count that is kept next are written over.
        self.temporary.replace(self._part(self.frame_count))
        super().end_part()

    def _part(self, first: int) -> Path:
        return self.folder / f"part-{first:08d}.mp4"

    def _parts(self) -> list[Path]:
        return [path for path in sorted(self.folder.glob("part-*.mp4")) if int(path.stem[5:]) < self.frame_count]

    def check_parts(self) -> None:
        count = 0
        for path in self._parts():
            try:
                with av.open(plain_name(path)) as part:
                    count += sum(packet.size > 0 for packet in part.demux(part.streams.video[0]))
            except (av.FFmpegError, OSError, IndexError) as error:
                raise FilmError(f"{path}: damaged ({getattr(error, 'strerror', error)})") from error
        if count != self.frame_count:
            raise FilmError(f"{self.folder}: its parts have {count} frames, not {self.frame_count}")

    def finish(self) -> None:
        with self._error_of_writing(), whole_path(self.path, self.path.suffix) as temporary:
            self._put_together(temporary)

    @contextmanager
    def _error_of_writing(self) -> Iterator[None]:
        """Raise FilmError for what fails inside; at the end, where the index is written, and before."""
        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            raise FilmError(f"{self.path}: cannot be written ({getattr(error, 'strerror', error)})") from error

    def _put_together(self, path: Path) -> None:
        suffix = self.path.suffix.lower()
        # Without the random numbers that Matroska has as names: an interrupted run ends in the same file.
        options = {"fflags": "+bitexact"}
        options |= {"movflags": "faststart"} if suffix in (".mp4", ".m4v", ".mov") else {}
        # FFmpeg's own format for the suffix .m4v holds fewer codecs.
        form = "mp4" if suffix == ".m4v" else None
        with (
            av.open(plain_name(path), "w", options=options, format=form) as film,
            av.open(plain_name(self._parts()[0])) as first,
        ):
            video = film.add_stream_from_template(first.streams.video[0], opaque=True)
            video.time_base = self.about.time_base
            video.codec_context.framerate = self.about.frame_rate  # Matroska tells it
            if self.codec == "hevc" and film.format.name in ("mp4", "mov"):
                video.codec_context.codec_tag = "hvc1"  # Apple's players show no other
            with other_packets(self.source, film, self.notes) as others:
                # Most formats leave out what comes before the time 0.
                missing = max(Fraction(0), -self.times[0][0] * self.about.time_base)
                for _, packet in heapq.merge(self._packets(video), others, key=lambda pair: pair[0]):
                    delay(packet, missing)
                    with self._error_of_writing():
                        film.mux(packet)

    def _packets(self, stream: av.VideoStream) -> Iterator[tuple[float, av.Packet]]:
        """Yield the packets of all parts with their seconds, at the times of the frames."""
        usual = max(1, round(1 / (self.about.frame_rate * self.about.time_base)))
        ends = [*(time for time, _ in self.times[1:]), self.times[-1][0] + usual]
        frames = zip(self.times, ends, strict=True)
        for path in self._parts():
            with av.open(plain_name(path)) as part:
                for packet in part.demux(part.streams.video[0]):
                    if packet.size == 0:
                        continue  # the end
                    (time, duration), end = next(frames)
                    packet.pts = packet.dts = time
                    packet.duration = duration or end - time  # a last frame without one is not shown
                    packet.time_base = self.about.time_base
                    packet.stream = stream
                    yield float(time * self.about.time_base), packet
