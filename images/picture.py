"""The picture: what every reader returns and every writer takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Where Pillow refuses a picture as a decompression bomb (twice its MAX_IMAGE_PIXELS): 179 megapixels.
MAX_PIXELS = 2 * (1024 * 1024 * 1024 // 4 // 3)

# Luma of ITU-R BT.601, on sRGB-encoded values: the Y of YIQ, YUV and YCbCr (JPEG).
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


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
