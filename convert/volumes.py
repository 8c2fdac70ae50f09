"""Layers of pictures for volumes (batch, time, height, width, channels), which Keras has few layers for."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import KerasTensor

from layers import FoldAxes, UnfoldAxes


def over_pictures(layer: keras.Layer, x: KerasTensor) -> KerasTensor:
    """Apply a layer of pictures to each picture of a volume (batch, time, height, width, channels)."""
    return UnfoldAxes(2)([layer(FoldAxes(2)(x)), x])


def along_time(layer: keras.Layer, x: KerasTensor) -> KerasTensor:
    """Apply a layer of pictures to a volume with time in the place of the height, for each row of the volume."""
    swapped = keras.ops.transpose(x, (0, 2, 1, 3, 4))
    made = UnfoldAxes(2)([layer(FoldAxes(2)(swapped)), swapped])
    return keras.ops.transpose(made, (0, 2, 1, 3, 4))


def with_ends(x: KerasTensor, starts: Sequence[int], ends: Sequence[int]) -> KerasTensor:
    """Cut `starts` off the front, and `ends` (negative) off the end of each axis or add so many zeros there."""
    cropped = [(start, max(0, -end)) for start, end in zip(starts, ends, strict=True)]
    grown = [(0, max(0, end)) for end in ends]
    x = keras.layers.ZeroPadding3D(grown)(x) if any(map(any, grown)) else x
    return keras.layers.Cropping3D(cropped)(x) if any(map(any, cropped)) else x
