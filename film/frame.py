"""A frame and the format of a film: what readers yield and writers take."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np


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
