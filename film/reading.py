"""Reading films: videos, animations and numbered frames, a frame at a time, upright, with their times."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from PIL import Image

from film.color import bits_of, matrix_of, to_rgb
from film.decoding import decoded_in_order, first_frame, time_of, usual_rate
from film.errors import FilmError
from film.formats import ANIMATIONS, NUMBERED, is_numbered, plain_name
from film.frame import FilmFormat, Frame
from film.orientation import Orientation, orientation_of
from film.packets import told_end
from images.errors import reason

# What yields the frames from a number on, and what is known before.
OpenedFilm = tuple[Callable[[int], Iterator[Frame]], FilmFormat]

# What returns a picture file as float32 (height, width, 3) in [0, 1], or None where it cannot be read.
PictureReader = Callable[[Path], np.ndarray | None]

MILLISECOND = Fraction(1, 1000)
# What browsers give to frames of animations that tell no time, or one of 10 ms or less.
DEFAULT_DURATION = 100
MIN_DURATION = 11


class FilmReader:
    """A film to be read.

    Args:
        path: a file, or a pattern such as `frames/%06d.png`.
        frame_rate: of numbered frames, which do not tell it.
        read_picture: reads one of the numbered frames.

    Attributes:
        format: what is known of the film before its frames are read.

    Raises:
        FilmError: there is no such film, or it has no picture that can be read.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        frame_rate: Fraction = Fraction(25),
        read_picture: PictureReader | None = None,
    ) -> None:
        self.path = Path(path)
        if is_numbered(self.path):
            self._frames, self.format = _open_numbered(self.path, frame_rate, read_picture or _read_picture)
        elif not self.path.is_file():
            raise FilmError(f"{self.path}: no such file")
        elif self.path.suffix.lower() in ANIMATIONS:
            self._frames, self.format = _open_animation(self.path)
        else:
            self._frames, self.format = _open_video(self.path)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in the order in which they are shown; broken ones have no pixels.

        Raises:
            FilmError: the size changes in the middle.
        """
        yield from self.frames_from(0)

    def frames_from(self, begin: int, end: int | None = None) -> Iterator[Frame]:
        """Yield the frames from the number `begin` to before `end`; those before are not brought into RGB."""
        yield from islice(self._frames(begin), None if end is None else end - begin)


def _open_numbered(pattern: Path, frame_rate: Fraction, read_picture: PictureReader) -> OpenedFilm:
    numbers = frame_numbers(pattern)
    if not numbers:
        raise FilmError(f"{pattern}: no such numbered frames")
    pictures = (read_picture(frame_path(pattern, number)) for number in numbers)
    first = next((pixels for pixels in pictures if pixels is not None), None)
    if first is None:
        raise FilmError(f"{pattern}: none of the frames can be read")
    height, width = first.shape[:2]
    count = numbers[-1] - numbers[0] + 1

    def frames(begin: int) -> Iterator[Frame]:
        for i in range(begin, count):
            path = frame_path(pattern, numbers[0] + i)
            pixels = read_picture(path) if path.is_file() else None
            yield Frame(_of_size(pixels, (height, width), path), i, 1)

    return frames, FilmFormat(width, height, 1 / frame_rate, frame_rate, count, first_number=numbers[0])


def frame_path(pattern: Path, number: int) -> Path:
    """Return the path of one of the numbered frames."""
    return pattern.with_name(pattern.name % number)


def frame_numbers(pattern: Path) -> list[int]:
    """Return the numbers of the frames that are there, in order.

    Raises:
        FilmError: the name has another `%` than the one of the number.
    """
    return sorted(number for number in _numbers(pattern) if frame_path(pattern, number).is_file())


def frame_places(pattern: Path) -> list[Path]:
    """Return all that is called like a numbered frame, be it a file or not.

    Raises:
        FilmError: the name has another `%` than the one of the number.
    """
    return [path for path in (frame_path(pattern, number) for number in _numbers(pattern)) if os.path.lexists(path)]


def _numbers(pattern: Path) -> set[int]:
    """Return the numbers in the names of what is called like a frame."""
    place = NUMBERED.search(pattern.name)
    before, after = (pattern.name[: place.start()], pattern.name[place.end() :]) if place else (pattern.name, "")
    if place is None or "%" in before + after:
        raise FilmError(f"{pattern}: the name must contain one number such as %06d, and no other %")
    name = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    if not pattern.parent.is_dir():
        return set()
    found = (name.fullmatch(entry.name) for entry in pattern.parent.iterdir())
    return {int(match[1]) for match in found if match}


def _read_picture(path: Path) -> np.ndarray | None:
    """Return a picture file as float32 (height, width, 3); None where it cannot be read."""
    try:
        with Image.open(path) as image:
            return _pixels(image)
    except (OSError, ValueError, SyntaxError):
        return None


def _pixels(image: Image.Image) -> np.ndarray:
    """Return a Pillow picture; what is transparent lies on white."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"), np.float32) / np.float32(255)


def _open_animation(path: Path) -> OpenedFilm:
    try:
        with Image.open(path) as image:
            (width, height), count = image.size, getattr(image, "n_frames", 1)
            plays = _plays(image)
            durations = [_duration(image, number) for number in range(count)]
    except Exception as error:  # of many kinds, in broken files, and DecompressionBombError
        raise FilmError(f"{path}: not an animation that can be read ({reason(error)})") from error

    def frames(begin: int) -> Iterator[Frame]:
        time = sum(durations[:begin])
        with Image.open(path) as image:
            for i, duration in enumerate(durations[begin:], start=begin):
                yield Frame(_animation_frame(image, i), time, duration)
                time += duration

    return frames, FilmFormat(width, height, MILLISECOND, Fraction(1000 * count, sum(durations)), count, plays=plays)


def _plays(image: Image.Image) -> int:
    """Return how often an animation is shown, 0: without end. GIF tells how often it is repeated, WebP the sum."""
    loop = image.info.get("loop")
    if image.format != "GIF":
        return loop or 0
    return 1 if loop is None else loop + 1 if loop else 0


def _duration(image: Image.Image, number: int) -> int:
    image.seek(number)
    with suppress(Exception):  # of many kinds: the frame is broken
        image.load()  # WebP tells the time only then
    duration = round(image.info.get("duration", 0))
    return duration if duration >= MIN_DURATION else DEFAULT_DURATION


def _animation_frame(image: Image.Image, number: int) -> np.ndarray | None:
    try:
        image.seek(number)
        return _pixels(image)
    except Exception:  # of many kinds: the frame is broken
        return None


@contextmanager
def open_container(path: Path) -> Iterator[av.container.InputContainer]:
    """Open a file with FFmpeg.

    Raises:
        FilmError: it is no film that FFmpeg reads.
    """
    try:
        # In "ignore" mode metadata that is not UTF-8 does not stop anything.
        with av.open(plain_name(path), metadata_errors="ignore") as container:
            if not container.streams.video:
                raise FilmError(f"{path}: it contains no picture")
            yield container
    except av.FFmpegError as error:
        raise FilmError(f"{path}: not a film that can be read ({error.strerror})") from error


def _open_video(path: Path) -> OpenedFilm:
    with open_container(path) as container:
        stream = pictures_of(container, path)
        first = first_frame(container, stream)
        if first is None or stream.time_base is None:
            raise FilmError(f"{path}: none of its frames can be decoded")
        orientation = orientation_of(first)
        sides = (first.height, first.width) if orientation.transposed else (first.width, first.height)
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        about = FilmFormat(
            *sides,
            time_base=stream.time_base,
            frame_rate=usual_rate(stream),
            frame_count=stream.frames or None,
            matrix=matrix_of(first.colorspace, first.height),
            primaries=first.color_primaries,
            transfer=first.color_trc,
            pixel_aspect=1 / aspect if orientation.transposed else aspect,
            bits=bits_of(first),
            end=told_end(container, stream),
        )

    def frames(begin: int) -> Iterator[Frame]:
        with open_container(path) as container:
            stream = pictures_of(container, path)
            for frame in islice(decoded_in_order(container, stream), begin, None):
                if isinstance(frame, int):
                    yield Frame(None, frame)
                else:
                    yield _upright(frame, about, orientation, path)

    return frames, about


def pictures_of(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """Return the stream of a film that players show: a cover's picture may come before it. `path` is for errors.

    Raises:
        FilmError: there is a cover alone, as in files of music, or no decoder for the pictures.
    """
    best = container.streams.best("video")
    shown = best if isinstance(best, av.VideoStream) else container.streams.video[0]
    if shown.disposition & Disposition.attached_pic:
        raise FilmError(f"{path}: there is no film in it but sound with a cover picture")
    if shown.codec_context is None:
        raise FilmError(f"{path}: FFmpeg has no decoder for its pictures")
    return shown


def _upright(frame: av.VideoFrame, about: FilmFormat, orientation: Orientation, path: Path) -> Frame:
    """Return a decoded frame, turned; one that the decoder marks as corrupt has no pixels."""
    duration = frame.duration or 0
    if frame.is_corrupt:
        return Frame(None, time_of(frame), duration)
    pixels = orientation.upright(to_rgb(frame, about.matrix))
    return Frame(_of_size(pixels, (about.height, about.width), path), time_of(frame), duration)


def _of_size(pixels: np.ndarray | None, size: tuple[int, int], path: Path) -> np.ndarray | None:
    if pixels is not None and pixels.shape[:2] != size:
        raise FilmError(
            f"{path}: the pictures of the film change from {size[1]} x {size[0]} to "
            f"{pixels.shape[1]} x {pixels.shape[0]} pixels"
        )
    return pixels
