"""Interpolating pictures of any values to another size, as PyTorch does without antialiasing."""

from __future__ import annotations

import functools

import numpy as np

# Of the cubic convolution kernel (Keys 1981), as PyTorch and OpenCV have it.
SHARPNESS = -0.75


def enlarge_bicubic(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return values (batch, height, width, channels) at another size, by cubic convolution; edges are repeated.

    Equals torch.nn.functional.interpolate(mode="bicubic", align_corners=False). Nothing is clipped.
    """
    for axis, size in ((1, height), (2, width)):
        positions = _source_positions(values.shape[axis], size)
        first = np.floor(positions).astype(int)
        offset = positions - first
        taps = [(first + tap, _cubic(np.abs(offset - tap))) for tap in (-1, 0, 1, 2)]
        values = _combined(values, axis, taps)
    return values


def enlarge_bilinear(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return values (batch, height, width, channels) at another size, by linear interpolation; edges are repeated.

    Equals torch.nn.functional.interpolate(mode="bilinear", align_corners=False).
    """
    for axis, size in ((1, height), (2, width)):
        positions = np.maximum(_source_positions(values.shape[axis], size), 0)
        first = np.floor(positions).astype(int)
        offset = positions - first
        values = _combined(values, axis, [(first, 1 - offset), (first + 1, offset)])
    return values


def _source_positions(old: int, new: int) -> np.ndarray:
    """Return where the centres of the new pixels lie among the old ones."""
    return (np.arange(new) + 0.5) * (old / new) - 0.5


def _combined(values: np.ndarray, axis: int, taps: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the sum over the taps (positions, weights) of the values there along an axis, float32."""
    shape = [1] * values.ndim
    shape[axis] = -1
    last = values.shape[axis] - 1
    parts = (
        np.take(values, positions.clip(0, last), axis=axis) * weights.reshape(shape).astype(np.float32)
        for positions, weights in taps
    )
    return functools.reduce(np.add, parts)


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Return the cubic convolution kernel at a distance of 0 to 2 pixels."""
    near = ((SHARPNESS + 2) * distance - (SHARPNESS + 3)) * distance**2 + 1
    far = SHARPNESS * (((distance - 5) * distance + 8) * distance - 4)
    return np.where(distance <= 1, near, far)
