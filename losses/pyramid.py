"""Gaussian and Laplacian pyramids (Burt & Adelson 1983, "The Laplacian Pyramid as a Compact Image Code")."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import numpy as np
from keras import ops

from layers.circular_padding import CircularPadding2D
from layers.replication_padding import ReplicationPadding2D
from layers.spatial import crop, take_lines

# The paper's generating kernel with a = 0.4, as in Snelgrove's texture script.
KERNEL = (0.05, 0.25, 0.4, 0.25, 0.05)

PyramidMode = Literal["valid", "replicate", "circular"]
# (vertical, horizontal): what stands around a picture before it is blurred: nothing, its edge pixels, or its
# opposite edge.
PyramidPadding = tuple[PyramidMode, PyramidMode]

_PADDING_LAYERS = {"replicate": ReplicationPadding2D, "circular": CircularPadding2D}


def gaussian_pyramid(images: Any, octaves: int, padding: PyramidPadding = ("valid", "valid")) -> list[Any]:
    """Return `octaves` pictures, each a blurred half of the one before; the first are the images themselves.

    Args:
        images: (batch, height, width, channels).
        octaves: number of levels, 1 or more.
        padding: see PyramidPadding. Without any, as in Snelgrove's script, a level loses two pixels at each side
            before it is halved; with it, sizes are halved and rounded up. A circular pyramid wraps without a
            seam where every level but the last has an even size.

    Returns:
        Levels (batch, height_i, width_i, channels), of sizes `pyramid_sizes()`.
    """
    levels = [images]
    while len(levels) < octaves:
        levels.append(reduce(levels[-1], padding))
    return levels


def laplacian_pyramid(images: Any, octaves: int, padding: PyramidPadding = ("replicate", "replicate")) -> list[Any]:
    """Return `octaves` band-pass levels, from fine to coarse, and what is left below them.

    Each level is a Gaussian level minus the next one expanded; the last of the octaves + 1 entries is the next
    Gaussian level itself, so that no difference between pictures goes unseen.

    Args:
        images: (batch, height, width, channels).
        octaves: number of band-pass levels, 1 or more.
        padding: "replicate" or "circular" for each axis.
    """
    levels = gaussian_pyramid(images, octaves + 1, padding)
    bands = [
        fine - expand(coarse, fine.shape[1], fine.shape[2], padding) for fine, coarse in itertools.pairwise(levels)
    ]
    return [*bands, levels[-1]]


def reduce(images: Any, padding: PyramidPadding) -> Any:
    """Return `images` blurred with KERNEL in both directions, every second row and column of them."""
    channels = images.shape[-1]
    kernel = np.einsum("k,io->kio", KERNEL, np.eye(channels))
    padded = _pad(images, 2, padding)
    for strides in ((2, 1), (1, 2)):
        shape = (5, 1) if strides == (2, 1) else (1, 5)
        weights = ops.convert_to_tensor(kernel.reshape(*shape, channels, channels), dtype=images.dtype)
        padded = ops.conv(padded, weights, strides=strides, padding="valid", data_format="channels_last")
    return padded


def expand(images: Any, height: int, width: int, padding: PyramidPadding) -> Any:
    """Return `images` at twice their size by interpolation with KERNEL, cut to `height` x `width`.

    Args:
        images: (batch, ceil(height / 2), ceil(width / 2), channels), as `reduce` returns them.
        height: rows of the result.
        width: columns of the result.
        padding: "replicate" or "circular" for each axis.
    """
    outputs = _pad(images, 1, padding)
    for axis in (1, 2):
        outputs = _double(outputs, axis)
    return crop(outputs, 0, 0, height, width)


def _double(images: Any, axis: int) -> Any:
    """Return the interpolated lines of `images`, which have one line too many at both sides."""
    count = images.shape[axis] - 2
    before, here, after = (take_lines(images, axis, start, count) for start in range(3))
    even = 2 * KERNEL[0] * (before + after) + 2 * KERNEL[2] * here
    odd = 2 * KERNEL[1] * (here + after)
    shape = list(images.shape)
    shape[axis] = 2 * count
    return ops.reshape(ops.stack([even, odd], axis=axis + 1), shape)


def _pad(images: Any, width: int, padding: PyramidPadding) -> Any:
    outputs = images
    for mode, layer in _PADDING_LAYERS.items():
        widths = tuple(width if axis_mode == mode else 0 for axis_mode in padding)
        if any(widths):
            outputs = layer(widths, dtype=images.dtype)(outputs)
    return outputs
