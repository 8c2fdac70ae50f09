"""Augmentation of photos: the square that is cropped, mirroring, and changes of colour."""

from __future__ import annotations

import numpy as np

from images.picture import LUMA
from images.resizing import resize
from losses.pictures.consistency import MAX_SHIFT

# How much a crop is enlarged at most.
MAX_ENLARGEMENT = 1.45
# By which factors and by which share of the range colours change at most, up or down.
MAX_SATURATION, MAX_CONTRAST, MAX_BRIGHTNESS = 0.25, 0.15, 0.06
# Of the noise in the shifted view of a photo; five levels of 8 bits.
MAX_NOISE = 0.02


def random_crop(pixels: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    """Return a random square of a picture (height, width, 3) at `size` x `size` pixels, mirrored in half of the cases.

    Its side is between the picture's shorter one and `size` / MAX_ENLARGEMENT; smaller pictures are enlarged further.
    """
    shorter = min(pixels.shape[:2])
    side = int(random.integers(min(round(size / MAX_ENLARGEMENT), shorter), shorter, endpoint=True))
    top, left = (int(random.integers(0, length - side, endpoint=True)) for length in pixels.shape[:2])
    square = pixels[top : top + side, left : left + side]
    return resize(square[:, ::-1] if random.integers(2) else square, size, size)


def recolored(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return a picture (height, width, 3) in [0, 1] with a little other saturation, contrast and brightness."""
    most = (MAX_SATURATION, MAX_CONTRAST, MAX_BRIGHTNESS)
    saturation, contrast, brightness = (np.float32(random.uniform(-one, one)) for one in most)
    luma = (pixels @ LUMA)[..., np.newaxis]
    changed = luma + (1 + saturation) * (pixels - luma)
    mean = changed.mean()
    return np.clip(mean + (1 + contrast) * (changed - mean) + brightness, 0, 1)


def shifted_views(pixels: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two views of a picture, the second one shifted and with a little noise, and the shift.

    Args:
        pixels: float32 (height, width, 3) in [0, 1].
        random: what the shift and the noise are drawn with.

    Returns:
        The upper left of the picture without MAX_SHIFT rows and columns; as large a part of it further (down, right),
        both in 0..MAX_SHIFT and not both 0, with uniform noise of a random strength up to MAX_NOISE; (down, right).
    """
    height, width = pixels.shape[0] - MAX_SHIFT, pixels.shape[1] - MAX_SHIFT
    down, right = divmod(int(random.integers(1, (MAX_SHIFT + 1) ** 2)), MAX_SHIFT + 1)
    strength = np.float32(random.uniform(0, MAX_NOISE))
    noise = strength * (2 * random.random((height, width, 3), dtype=np.float32) - 1)
    other = np.clip(pixels[down : down + height, right : right + width] + noise, 0, 1)
    return pixels[:height, :width], other, np.array([down, right], np.int32)
