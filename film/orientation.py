"""How players turn and mirror the pictures of a film."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type

# Of a display matrix: 3 x 3 integers in rows, for (x, y, 1) from the left.
MATRIX_SIZE = 9


@dataclass(frozen=True)
class Orientation:
    """What is done to a decoded picture, in this order.

    Attributes:
        transposed: rows and columns change places.
        upside_down: the order of the rows is turned round.
        mirrored: the order of the columns is turned round.
    """

    transposed: bool = False
    upside_down: bool = False
    mirrored: bool = False

    def upright(self, pixels: np.ndarray) -> np.ndarray:
        """Return a picture (height, width, channels) as it is shown."""
        pixels = pixels.swapaxes(0, 1) if self.transposed else pixels
        rows, columns = (slice(None, None, -1 if turned else 1) for turned in (self.upside_down, self.mirrored))
        return np.ascontiguousarray(pixels[rows, columns])


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Return the orientation that a film gives its frames: quarter turns and mirror images, the nearest of them."""
    side_data: Any = frame.side_data  # PyAV's own types take it for one piece of it
    try:
        content = side_data[Type.DISPLAYMATRIX]
    except KeyError:
        return Orientation()
    matrix = np.frombuffer(bytes(content), np.int32, MATRIX_SIZE).reshape(3, 3)
    (across, across_to_down), (down_to_across, down) = matrix[:2, :2].tolist()
    if abs(across_to_down) > abs(across):
        return Orientation(transposed=True, upside_down=across_to_down < 0, mirrored=down_to_across < 0)
    return Orientation(upside_down=down < 0, mirrored=across < 0)
