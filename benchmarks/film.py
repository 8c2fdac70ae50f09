"""Flicker of stylised films, frame by frame and steadied, and what steadying costs.

`python -m benchmarks.film --photos FOLDER --films FOLDER` measures (a) camera moves over still photos (shift, zoom,
rotation, with sensor noise), where the true motion is known, and (b) films, with the flow of another method (TV-L1
of scikit-image: Zach, Pock & Bischof 2007) than the one that steadies (DIS), where it can be believed: seen in both
frames, and where the content has structure. Flicker is the mean absolute difference of a frame and the one before (or
8 before) moved along the motion; sharpness the mean gradient. Time is the processor's.

A second table tells how far the flow of films can be trusted. The content's own difference, in pixels of its gradient
and times that of the stylised film, as a share of the flicker frame by frame, is about what strokes that stick to the
content would score. Beside it stands the ratio where DIS finds the same motion within a pixel, and how much of the
flicker is there.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from time import process_time

import cv2
import numpy as np
from skimage.registration import optical_flow_tvl1

from benchmarks.measure import print_table
from errors import ArgumentError
from film.flow import FlowFinder, grey, refined, resize_flow, seen_in_both, warp
from film.formats import is_film
from film.reading import FilmReader
from film.steadying import Steadier
from images.folders import list_pictures
from images.reading import read_image
from images.resizing import resize
from pipelines.command_line import ArgumentParser, run_script
from pipelines.stylization.stylize import load_stylizer

NAME = "benchmarks.film"
FRAMES = 16
DISTANCES = (1, 8)
NOISE = 2 / 255
SIZE = (360, 480)
# Shift in pixels, zoom and turn in degrees of each frame.
MOVES = ((2.3, 0.7, 1.0, 0.25), (-1.1, 1.3, 1.004, -0.25), (0.4, 0.0, 1.006, 0.0))
# Of the structure tensor over windows of 15 pixels: below it the motion of a film cannot be told.
MIN_STRUCTURE = 3e-5
MAX_DIFFERENCE = 0.08
# The flow of a film takes seconds: it is found for each fourth frame. What is known of less than this share of the
# frames is not told.
FILM_STEP, MIN_KNOWN = 4, 0.05
# Of the difference between the contents in TV-L1, against the smoothness of the flow.
ATTACHMENT = 30


@dataclass(frozen=True)
class Clip:
    """Frames (count, height, width, 3), and for films with known motion the map of each frame's pixels to the photo."""

    name: str
    frames: np.ndarray
    maps: np.ndarray | None = None

    def motion(self, later: int, earlier: int) -> tuple[np.ndarray, np.ndarray]:
        """Return where the pixels of a frame lie in an earlier one, and where that is known."""
        if self.maps is not None:
            return _known_motion(self.maps[later], self.maps[earlier], self.frames.shape[1:3])
        return _found_motion(self.frames[later], self.frames[earlier])

    def quick_motion(self, later: int, earlier: int) -> np.ndarray:
        """Return the same as the method finds it that steadies."""
        first, second = grey(self.frames[later]), grey(self.frames[earlier])
        return resize_flow(refined(FlowFinder()(first, second), first, second), *self.frames.shape[1:3])


def _known_motion(later: np.ndarray, earlier: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    height, width = size
    to_earlier = cv2.invertAffineTransform(earlier) @ np.vstack([later, [0, 0, 1]])
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    places = np.dstack([columns, rows, np.ones(size)]) @ to_earlier.T
    inside = (places >= 0).all(axis=-1) & (places <= [width - 1, height - 1]).all(axis=-1)
    return (places - np.dstack([columns, rows])).astype(np.float32), inside.astype(np.float32)


def _found_motion(later: np.ndarray, earlier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = (cv2.cvtColor((frame * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY) for frame in (later, earlier))
    flow, back = _total_variation_flow(first, second), _total_variation_flow(second, first)
    structure = cv2.boxFilter(cv2.cornerMinEigenVal(cv2.GaussianBlur(first, (0, 0), 1.5), 15, ksize=3), -1, (15, 15))
    alike = np.abs(later - warp(earlier, flow)).mean(axis=-1) < MAX_DIFFERENCE
    return flow, seen_in_both(flow, back) * alike * (structure > MIN_STRUCTURE)


def _total_variation_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    rows, columns = optical_flow_tvl1(first / np.float32(255), second / np.float32(255), attachment=ATTACHMENT)
    return np.dstack([columns, rows]).astype(np.float32)


def moving_photos(folder: Path, count: int) -> Iterator[Clip]:
    """Yield camera moves over photos."""
    random = np.random.default_rng(0)
    for number, path in enumerate(list_pictures(folder).pictures[:count]):
        photo = read_image(path).pixels
        move = MOVES[number % len(MOVES)]
        maps = np.stack([_camera(photo.shape[:2], move, i) for i in range(FRAMES)])
        views = [
            cv2.warpAffine(
                photo, camera, SIZE[::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
            )
            for camera in maps
        ]
        frames = np.stack(views) + random.normal(0, NOISE, (FRAMES, *SIZE, 3))
        yield Clip(path.stem, np.clip(frames, 0, 1).astype(np.float32), maps)


def _camera(photo: tuple[int, int], move: Sequence[float], number: int) -> np.ndarray:
    """Return the map (2, 3) from a frame's (column, row, 1) to the photo's (column, row)."""
    right, down, zoom, turn = move
    angle, scale = np.deg2rad(turn * number), zoom**-number
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([photo[1] / 2 + right * number, photo[0] / 2 + down * number])
    return np.column_stack([matrix, middle - matrix @ (SIZE[1] / 2, SIZE[0] / 2)])


def films(folder: Path, count: int) -> Iterator[Clip]:
    """Yield the middle of films, in half of their size where they are large."""
    for path in [path for path in sorted(folder.iterdir()) if path.is_file() and is_film(path)][:count]:
        reader = FilmReader(path)
        first = max(0, ((reader.format.frame_count or 0) - FRAMES) // 2)
        frames = [frame.pixels for frame in itertools.islice(reader, first, first + FRAMES) if frame.pixels is not None]
        height, width = reader.format.height, reader.format.width
        size = (height // 2, width // 2) if width > 2 * SIZE[1] else (height, width)
        yield Clip(path.name, np.stack([resize(pixels, *size) for pixels in frames]))


@dataclass(frozen=True)
class Flicker:
    """Of a clip at a distance; NaN where motion is hardly anywhere known.

    Attributes:
        steady: mean difference of the steadied film's frames from those before, moved along the motion.
        plain: the same frame by frame.
        content: about what strokes that stick to the content would have, as a share of `plain`.
        agreed: of `steady` in `plain`, where two methods find the same motion.
        agreed_share: of all `plain` that is counted there.
    """

    steady: float
    plain: float
    content: float
    agreed: float
    agreed_share: float


def flicker(clip: Clip, steady: np.ndarray, plain: np.ndarray, distance: int) -> Flicker:
    """Return how a film of stylised frames flickers, steadied and not, between frames `distance` apart."""
    sums, known_shares = np.zeros(7), []
    for later in range(distance, len(clip.frames), 1 if clip.maps is not None else FILM_STEP):
        flow, known = clip.motion(later, later - distance)
        agreed = known * (np.hypot(*np.moveaxis(flow - clip.quick_motion(later, later - distance), -1, 0)) < 1)
        films = (steady, plain, clip.frames)
        after, before, content = (
            np.abs(frames[later] - warp(frames[later - distance], flow)).mean(axis=-1) for frames in films
        )
        slopes = [gradient(frames[later]) * known for frames in (plain, clip.frames)]
        values = [after * known, before * known, content * known, *slopes, after * agreed, before * agreed]
        sums += [value.sum() for value in values]
        known_shares.append(known.mean())
    if np.mean(known_shares) < MIN_KNOWN:
        return Flicker(*[np.nan] * 5)
    after, before, content, slope, content_slope, agreed_after, agreed_before = sums.tolist()
    count = float(np.sum(known_shares)) * clip.frames[0, ..., 0].size
    share = content / content_slope * slope / before
    agreed_ratio = agreed_after / agreed_before if agreed_before else np.nan
    return Flicker(after / count, before / count, share, agreed_ratio, agreed_before / before)


def gradient(frame: np.ndarray) -> np.ndarray:
    """Return the length of a frame's gradient, (height, width)."""
    return np.hypot(*np.gradient(frame.mean(axis=-1)))


def sharpness(frames: np.ndarray) -> float:
    """Return the mean gradient of frames."""
    return float(np.mean([gradient(frame).mean() for frame in frames]))


@dataclass(frozen=True)
class Measured:
    """Of a clip: flicker for each distance, the share of sharpness that is kept, and the share of time added."""

    flickers: Sequence[Flicker]
    sharpness: float
    time: float


def measure(clip: Clip, generator: Callable[[np.ndarray], np.ndarray], strength: float) -> Measured:
    """Return what steadying does to a clip, and what it costs."""
    generator(clip.frames[0])
    start = process_time()
    plain = np.stack([generator(frame) for frame in clip.frames])
    network, start = process_time() - start, process_time()
    steadier = Steadier(strength)
    steady = np.stack([steadier(*pair) for pair in zip(clip.frames, plain, strict=True)])
    added = (process_time() - start) / network
    flickers = [flicker(clip, steady, plain, distance) for distance in DISTANCES]
    return Measured(flickers, sharpness(steady) / sharpness(plain), added)


def _median(found: Sequence[Measured]) -> Measured:
    flickers = [
        Flicker(*np.nanmedian([astuple(one.flickers[number]) for one in found], axis=0))
        for number in range(len(DISTANCES))
    ]
    return Measured(flickers, *np.median([(one.sharpness, one.time) for one in found], axis=0))


def make_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(prog=NAME, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="of still photos")
    parser.add_argument("--films", type=Path, metavar="FOLDER", help="of films")
    parser.add_argument("--model", default="starry_night", metavar="NAME_OR_PATH", help="(default: %(default)s)")
    parser.add_argument("--steady", type=float, default=1.0, metavar="0..1", help="(default: %(default)s)")
    parser.add_argument("--count", type=int, default=6, help="of photos and of films (default: %(default)s)")
    return parser


def run(argv: Sequence[str] | None) -> int:
    """Measure, print the table, and return the exit code."""
    arguments = make_parser().parse_args(argv)
    if arguments.photos is None and arguments.films is None:
        raise ArgumentError("`photos` or `films` is needed: a folder")
    generator = load_stylizer(arguments.model)
    kinds = {"photo": (moving_photos, arguments.photos), "film": (films, arguments.films)}
    rows, trust = [], []
    for kind, (clips, folder) in kinds.items():
        chosen = clips(folder, arguments.count) if folder else ()
        found = [(clip.name, measure(clip, generator, arguments.steady)) for clip in chosen]
        if found:
            median = (f"median ({kind}s)", _median([one for _, one in found]))
            rows += [_row(name, one) for name, one in [*found, median]]
            trust += [_trust(name, one) for name, one in found if kind == "film"]
    distances = [f"{distance} apart" for distance in DISTANCES]
    print_table(
        f"{arguments.model}, flicker steadied / frame by frame", ["clip", *distances, "sharpness", "time added"], rows
    )
    if trust:
        titles = ["clip", *(f"{distance}: {what}" for distance in distances for what in ("content", "agreed"))]
        print_table("The content's own, and the ratio where both methods agree (share of the flicker)", titles, trust)
    return 0


def _row(name: str, one: Measured) -> list[str]:
    flickers = [
        "unknown" if np.isnan(two.plain) else f"{two.steady:.4f} / {two.plain:.4f} = {two.steady / two.plain:.2f}"
        for two in one.flickers
    ]
    return [name, *flickers, f"{one.sharpness:.3f}", f"{one.time:.2f}"]


def _trust(name: str, one: Measured) -> list[str]:
    told = [
        ("unknown",) * 2
        if np.isnan(two.plain)
        else (f"{two.content:.2f}", f"{two.agreed:.2f} ({two.agreed_share:.2f})")
        for two in one.flickers
    ]
    return [name, *itertools.chain(*told)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with the given arguments (default: the command line's) and return its exit code."""
    return run_script(NAME, lambda: run(argv))


if __name__ == "__main__":
    sys.exit(main())
