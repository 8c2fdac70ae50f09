"""The picture: what every reader returns and every writer takes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from images.errors import ImageError, ImageWarning

# Where Pillow refuses a picture as a decompression bomb (twice its MAX_IMAGE_PIXELS): 179 megapixels.
MAX_PIXELS = 2 * (1024 * 1024 * 1024 // 4 // 3)

# Luma of ITU-R BT.601, on sRGB-encoded values: the Y of YIQ, YUV and YCbCr (JPEG).
LUMA = np.array([0.299, 0.587, 0.114], np.float32)

# Where more of a network's values than this share lie so far outside of [0, 1], they are no colours in that range.
FAR_BELOW, FAR_ABOVE, MAX_FAR_SHARE = -1, 2, 0.5


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture in memory.

    Attributes:
        pixels: float32 (height, width, 3), RGB, sRGB-encoded, in [0, 1]; not multiplied by alpha.
        alpha: float32 (height, width) in [0, 1], 0 is transparent; None where the picture has none.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None

    @property
    def height(self) -> int:
        """Rows."""
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        """Columns."""
        return self.pixels.shape[1]

    @property
    def megapixels(self) -> float:
        """Height times width over a million."""
        return self.height * self.width / 1e6


def check_pixels(path: Path, width: int, height: int) -> None:
    """Raise ImageError where a file says that it has more than MAX_PIXELS, before anything is decoded."""
    if width * height > MAX_PIXELS:
        raise ImageError(f"{path}: {width} x {height} pixels are more than {MAX_PIXELS}")


def warn_of_range(answer: np.ndarray) -> bool:
    """Warn where the values of a network's answer are no colours in [0, 1], such as 0 to 255; say whether that was so.

    A few values may lie outside, and be clipped, without being told.
    """
    is_far = bool(((answer < FAR_BELOW) | (answer > FAR_ABOVE)).mean() > MAX_FAR_SHARE)
    if is_far:
        message = f"the model returns values from {answer.min():.3g} to {answer.max():.3g}; they are clipped to [0, 1]"
        warnings.warn(message, ImageWarning, stacklevel=2)
    return is_far
