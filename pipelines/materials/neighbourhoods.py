"""Neighbourhoods of the pixels of a stack of maps as short vectors, and stacks at half size."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# Neighbourhoods are squares of SIZE pixels a side, RADIUS on either side of their middle.
RADIUS = 3
SIZE = 2 * RADIUS + 1
# Numbers that a neighbourhood is kept as, those that its variance is largest in.
COMPONENTS = 32
# Neighbourhoods that stand for all.
MAX_SAMPLES = 20_000
# Rows of neighbourhoods that are projected at once.
ROWS = 32

Wraps = tuple[bool, bool]


def halved(values: np.ndarray, wraps: Wraps = (False, False)) -> np.ndarray:
    """Return the means of 2 x 2 pixels of (height, width, channels); a last odd line is continued first.

    Args:
        values: to be halved.
        wraps: whether they repeat (vertically, horizontally).
    """
    for axis, wrap in enumerate(wraps):
        missing = [(0, 0)] * values.ndim
        missing[axis] = (0, values.shape[axis] % 2)
        values = np.pad(values, missing, mode="wrap" if wrap else "edge")
    return (values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]) / 4


def continued(values: np.ndarray, wraps: Wraps) -> np.ndarray:
    """Return (height, width, channels) continued by RADIUS at all sides, so that each pixel has a neighbourhood."""
    for axis, wrap in enumerate(wraps):
        widths = [(0, 0)] * values.ndim
        widths[axis] = (RADIUS, RADIUS)
        values = np.pad(values, widths, mode="wrap" if wrap else "symmetric")
    return values


def sampled(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return MAX_SAMPLES neighbourhoods at most of (height, width, channels), (samples, SIZE * SIZE * channels)."""
    windows = sliding_window_view(values, (SIZE, SIZE), axis=(0, 1))
    rows, columns = windows.shape[:2]
    chosen = generator.choice(rows * columns, min(rows * columns, MAX_SAMPLES), replace=False)
    return windows[chosen // columns, chosen % columns].reshape(len(chosen), -1)


def principal_axes(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the axes along which neighbourhoods vary most: float32 (SIZE * SIZE * channels, COMPONENTS at most).

    Args:
        values: (height, width, channels), at least SIZE a side.
        generator: that chooses the neighbourhoods which are looked at.
    """
    samples = sampled(values, generator).astype(np.float64)
    samples -= samples.mean(axis=0)
    _, vectors = np.linalg.eigh(samples.T @ samples)  # the largest last
    return vectors[:, : -COMPONENTS - 1 : -1].astype(np.float32)


def described(values: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Return the neighbourhoods that lie within (height, width, channels) along some axes.

    Returns:
        float32 (height - SIZE + 1, width - SIZE + 1, axes).
    """
    windows = sliding_window_view(values, (SIZE, SIZE), axis=(0, 1))
    result = np.empty((*windows.shape[:2], axes.shape[1]), np.float32)
    for start in range(0, len(windows), ROWS):
        rows = windows[start : start + ROWS]
        result[start : start + ROWS] = rows.reshape(*rows.shape[:2], -1) @ axes
    return result
