"""A frame and the format of a film: what readers yield and writers take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

# Seconds that may be missing at the end of a film: files are not that exact.
MAX_MISSING = Fraction(1, 2)


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture of a film and when it is shown.

    Attributes:
        pixels: float32 (height, width, 3), RGB as the film's own transfer function encodes it (for nearly all films
            that of sRGB to the eye), in [0, 1]; None where the frame is broken.
        time: when it is shown, in units of the film's time base.
        duration: how long, in the same units; 0 where the film does not tell.
    """

    pixels: np.ndarray | None
    time: int
    duration: int = 0


@dataclass(frozen=True)
class FilmFormat:
    """What is known of a film before its frames are read.

    Attributes:
        width: in pixels, upright.
        height: in pixels, upright.
        time_base: seconds of a unit of time.
        frame_rate: frames a second, on average.
        frame_count: number of frames; None where the film does not tell.
        matrix: code of the matrix between RGB and YCbCr (ITU-T H.273).
        primaries: code of the primaries (H.273).
        transfer: code of the transfer function (H.273).
        pixel_aspect: width of a pixel over its height.
        first_number: number of the first frame of numbered ones.
        bits: of a channel.
        end: seconds at which the last frame ends, as the file says; None where it does not tell.
        plays: how often an animation is shown, 0: without end.
    """

    width: int
    height: int
    time_base: Fraction
    frame_rate: Fraction
    frame_count: int | None = None
    matrix: int = 1
    primaries: int = 2
    transfer: int = 2
    pixel_aspect: Fraction = Fraction(1)
    first_number: int = 0
    bits: int = 8
    end: Fraction | None = None
    plays: int = 0


def missing_end(path: Path, about: FilmFormat, times: Sequence[tuple[int, int]]) -> list[str]:
    """Return a line where the frames end before they should, as those of a file that was cut off do, else none.

    Args:
        path: of the film, for the line.
        about: what the film tells of itself.
        times: time and duration of each frame that could be read, in its units.
    """
    if about.end is None or not times:
        return []
    time, duration = times[-1]
    end = time * about.time_base + (duration * about.time_base or 1 / about.frame_rate)
    if about.end - end <= MAX_MISSING:
        return []
    told = f"not at {float(about.end):.2f} s, as it says"
    return [f"{path}: its pictures end at {float(end):.2f} s, {told}; the file is damaged or incomplete"]
