"""Taking the lattice out of a trained generator: what its pictures repeat every few pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import scipy.linalg
import scipy.ndimage
from numpy.lib.stride_tricks import sliding_window_view

from errors import ArgumentError
from model.rewiring import without_structure

CELL = 8  # pixels: the pixels of a network's smallest maps, and with them lattices of 4 and 2 pixels
MIN_SIDE = 4 * CELL
STRENGTH = 10.0
PATCHES = 500  # of each picture
RIDGE = 1e-6  # relative to the mean variance of a feature: some features never differ from 0


@dataclass(frozen=True)
class Pattern:
    """What was found.

    Attributes:
        pictures: on which the pattern was measured.
        left: the pattern that is left, as a share of what there was, by its root mean square.
    """

    pictures: int
    left: float


def remove_lattice(generator: keras.Model, inputs: Iterable[Any], *, strength: float = STRENGTH) -> Pattern:
    """Change the last convolution of a generator so that its pictures have no lattice, and else as little as possible.

    Upsampling treats the pixels of a cell of 2, 4 or 8 pixels differently, and training leaves some of this difference
    in the pictures: a pattern of one to three levels of 255 that is the same everywhere. It depends little on the
    picture, and linearly on the last convolution. So that convolution's kernel is changed by D, for which

        mean((D * features)^2) + strength * sum(pattern((kernel + D) * features)^2)

    is smallest: a linear least-squares problem. The pattern is the mean of what is finer than a cell, over all pictures
    and over all rows, columns and both kinds of diagonals of equal place in the cell. (Of each picture alone it would
    hold much of the picture's own detail, which would be weakened too.) No published method is followed.

    Args:
        generator: of pictures (batch, height, width, 3); its last convolution has 3 filters and no dilation. It is
            changed in place.
        inputs: what it is called on, of the kind that it was trained on: arrays (1, height, width, channels) of at
            least 32 pixels a side, or lists of such an array and a row of style weights, each of which has a pattern
            of its own. About 50 of each style are enough.
        strength: 0 changes nothing; with the default a fifth of the pattern is left, and pictures differ by about two
            levels of 255.

    Returns:
        What was found.

    Raises:
        ArgumentError: there are no inputs or too small ones, or the generator has no such convolution.
    """
    convolution = _last_convolution(generator)
    kernel = np.asarray(keras.ops.convert_to_numpy(convolution.kernel), np.float64)
    features = without_structure(keras.Model(generator.inputs, convolution.input))
    calls = ((_style_of(values), features(values)) for values in inputs)
    changes, patterns, count = _moments(calls, kernel.shape[:2], np.random.default_rng(0))
    filters = kernel.reshape(-1, kernel.shape[-1])
    ridge = RIDGE * np.trace(changes) / len(filters) * np.eye(len(filters))
    pull = strength * patterns
    mended = filters - scipy.linalg.solve(changes + pull + ridge, pull @ filters, assume_a="pos")
    convolution.kernel.assign(mended.reshape(kernel.shape).astype(np.float32))
    before, after = (float(np.sum(values * (patterns @ values))) for values in (filters, mended))
    return Pattern(count, (after / before) ** 0.5 if before else 1.0)


def _moments(
    calls: Iterable[tuple[bytes, Any]], sides: tuple[int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the second moments of what the kernel sees, anywhere and as patterns, and the number of pictures.

    Args:
        calls: what tells the style, and the features of a picture.
        sides: of the kernel.
        rng: of the places.
    """
    changes = np.zeros(())
    sums: dict[bytes, np.ndarray] = {}
    counts: Counter[bytes] = Counter()
    for style, values in calls:
        features = np.asarray(keras.ops.convert_to_numpy(values), np.float64)[0]
        if min(features.shape[:2]) < MIN_SIDE:
            raise ArgumentError(f"pictures must have at least {MIN_SIDE} pixels a side")
        seen = _patches(features, sides, rng)
        changes = changes + seen.T @ seen / PATCHES
        sums[style] = sums.get(style, 0.0) + _patterns(features, sides)
        counts[style] += 1
    if not counts:
        raise ArgumentError("at least one picture is needed")
    patterns = np.concatenate([total / counts[style] for style, total in sums.items()])
    return changes / counts.total(), patterns.T @ patterns / len(sums), counts.total()


def _style_of(values: Any) -> bytes:
    return np.asarray(values[1]).tobytes() if isinstance(values, list) else b""


def _last_convolution(generator: keras.Model) -> keras.layers.Conv2D:
    found = [layer for layer in generator.layers if isinstance(layer, keras.layers.Conv2D)]
    if not found or found[-1].filters != 3 or {*found[-1].strides, *found[-1].dilation_rate, found[-1].groups} != {1}:
        raise ArgumentError("the generator's last convolution must have 3 filters, and no strides, dilation or groups")
    return found[-1]


def _patches(features: np.ndarray, sides: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return what the kernel sees at places drawn at random: (PATCHES, weights of a filter)."""
    windows = np.moveaxis(sliding_window_view(features, sides, axis=(0, 1)), 2, -1)
    rows, columns = (rng.integers(0, count, PATCHES) for count in windows.shape[:2])
    return windows[rows, columns].reshape(PATCHES, -1)


def _patterns(features: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """Return the mean of what the kernel sees at each place of the cell: (4 directions * CELL, weights of a filter).

    Features are taken without what is coarser than a cell, which would hide the pattern.
    """
    fine = (features - scipy.ndimage.uniform_filter(features, (CELL, CELL, 1)))[CELL:-CELL, CELL:-CELL]
    height, width = (side // CELL * CELL for side in fine.shape[:2])
    cell = fine[:height, :width].reshape(height // CELL, CELL, width // CELL, CELL, -1).mean((0, 2))
    rows, columns = ((np.arange(CELL)[:, None] + np.arange(side)) % CELL for side in sides)
    seen = cell[rows[:, None, :, None], columns[None, :, None, :]].reshape(CELL, CELL, -1)
    along, across = np.mgrid[:CELL, :CELL]
    directions = (along, across, (along + across) % CELL, (along - across) % CELL)
    return np.concatenate([[seen[places == k].mean(0) for k in range(CELL)] for places in directions])
