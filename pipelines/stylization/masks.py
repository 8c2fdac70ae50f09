"""Several networks, each for the part of a picture that a mask shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce

import keras
import numpy as np

from images.picture import Picture
from images.resizing import resized_rows
from images.rows import rows_of
from pipelines.stylization.brush import pieces
from pipelines.stylization.generator import Generator, Stylizer

# Width of a mask's soft edge: the standard deviation of its blur as a share of the picture's longer side.
FEATHER = 1 / 100


class MaskedGenerator:
    """Networks that each stylise a part of a picture.

    Where masks overlap the results are mixed in proportion; where no mask is white the picture stays as it is.

    Args:
        generators: one for each mask, from pictures to pictures of the same size.
        masks: float32 (height, width) in [0, 1] of any size; 1: here. They are fitted to each picture and their edges
            softened (see FEATHER).
    """

    def __init__(self, generators: Sequence[Stylizer], masks: Sequence[np.ndarray]) -> None:
        self.generators = list(generators)
        self.masks = list(masks)

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Return `pixels`, float32 (height, width, 3) in [0, 1], stylised under the masks.

        Raises:
            UserError: a network fails on this picture.
        """
        return self._mixed(pixels, (generator(pixels) for generator in self.generators))

    def painted(self, pixels: np.ndarray, brush_size: float) -> np.ndarray:
        """Return the same with strokes of another size (see pipelines.stylization.brush)."""
        return self._mixed(pixels, (generator.painted(pixels, brush_size) for generator in self.generators))

    def _mixed(self, pixels: np.ndarray, answers: Iterable[np.ndarray]) -> np.ndarray:
        shares = shares_of(self, *pixels.shape[:2])
        result = (1 - reduce(np.add, shares))[..., None] * pixels
        for share, answer in zip(shares, answers, strict=True):
            result += share[..., None] * answer
        return result


def networks_of(stylizer: Stylizer) -> list[keras.Model]:
    """Return the networks that a picture goes through: one for each mask, or one."""
    if isinstance(stylizer, MaskedGenerator):
        return [network for generator in stylizer.generators for network in networks_of(generator)]
    return [stylizer.network] if isinstance(stylizer, Generator) else []


def masks_of(stylizer: Stylizer) -> list[np.ndarray]:
    """Return the masks, one for each of several networks; none where there is one network for the whole picture."""
    return stylizer.masks if isinstance(stylizer, MaskedGenerator) else []


def shares_of(stylizer: Stylizer, height: int, width: int) -> list[np.ndarray]:
    """Return where each style is applied, float32 (height, width) in [0, 1]; none where it is applied everywhere."""
    return soft_shares(masks_of(stylizer), height, width, lambda shape: np.empty(shape, np.float32))


def soft_shares(
    masks: Sequence[np.ndarray], height: int, width: int, allocate: Callable[[tuple[int, ...]], np.ndarray]
) -> list[np.ndarray]:
    """Return the share of each of several networks at every pixel; they add up to at most 1.

    Args:
        masks: see `MaskedGenerator`.
        height: rows of the picture.
        width: columns of the picture.
        allocate: returns an array of a shape, float32; in files, where memory is short.

    Returns:
        float32 (height, width) in [0, 1] for each mask.
    """
    shares = [_softened(mask, allocate((height, width))) for mask in masks]
    for rows in pieces(range(height), width):
        some = [share[rows.start : rows.stop] for share in shares]
        total = np.maximum(sum(some), 1) if some else 1
        for share in some:
            share /= total
    return shares


def _softened(mask: np.ndarray, soft: np.ndarray) -> np.ndarray:
    """Return `soft`, float32 (height, width), with a mask of that size with soft edges in it."""
    from scipy.ndimage import gaussian_filter1d  # only masks need SciPy, which takes a tenth of a second to import

    height, width = soft.shape
    sigma = FEATHER * max(height, width)
    fitted = resized_rows(rows_of(Picture(mask[..., None])), height, width)
    for rows in pieces(range(height), width):
        values = np.clip(fitted.read_rows(rows)[..., 0], 0, 1)
        soft[rows.start : rows.stop] = gaussian_filter1d(values, sigma, axis=1, mode="nearest")
    for columns in pieces(range(width), height):
        some = soft[:, columns.start : columns.stop]
        some[...] = gaussian_filter1d(some, sigma, axis=0, mode="nearest")
    return soft
