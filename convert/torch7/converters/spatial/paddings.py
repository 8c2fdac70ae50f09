"""Padding of pictures and volumes."""

from __future__ import annotations

import keras
from keras import KerasTensor, ops

from convert.torch7.converters.spatial.geometry import MAX_PADDING, Pair, pad_or_crop
from convert.torch7.module import Module
from convert.torch7.registry import converts
from convert.torch7.symbolic_values import Cell, samples
from layers import CircularPadding2D, ReflectionPadding2D, ReplicationPadding2D

PADDINGS = {
    "nn.SpatialZeroPadding": keras.layers.ZeroPadding2D,
    "nn.SpatialReplicationPadding": ReplicationPadding2D,
    "nn.SpatialReflectionPadding": ReflectionPadding2D,
}


@converts(*PADDINGS, sample=3)
def padding(module: Module, x: KerasTensor) -> KerasTensor:
    """Padding of a picture's sides; negative widths crop."""
    return pad_or_crop(x, _border(module, -MAX_PADDING), PADDINGS[module.type_name])


@converts("nn.SpatialPadding")
def padding_of_dimensions(module: Module, cell: Cell) -> Cell:
    """Zeros around a picture, of the package nnx; fields name the dimensions, 2 and 3 of a picture without batch."""
    named = tuple(module.integer(f"{side}_dim", number) for side, number in (("y", 2), ("x", 3)))
    if cell.rank not in (3, 4) or named != (cell.rank - 1, cell.rank):
        raise module.fail(f"pads the dimensions {named} of {cell.sizes}; only height and width are supported")
    if cell.rank == 3:
        cell.keep_batch(1)
    border = _border(module, -MAX_PADDING)
    parts = samples(cell, 3)
    return parts.rest(pad_or_crop(parts.tensor, border, keras.layers.ZeroPadding2D))


def _border(module: Module, low: int) -> tuple[Pair, Pair]:
    top, bottom, left, right = (
        module.integer(f"pad_{side}", low=low, high=MAX_PADDING) for side in ("t", "b", "l", "r")
    )
    return (top, bottom), (left, right)


@converts("nn.SpatialSymmetricPadding", sample=3)
def symmetric_padding(module: Module, x: KerasTensor) -> KerasTensor:
    """DeepMask's padding with the picture's mirror image, in which the edge pixels come again; negative widths crop."""
    for axis, (before, after) in enumerate(_border(module, -MAX_PADDING), start=1):
        size = x.shape[axis]
        if size is not None and max(before, after) > size:
            raise module.fail(f"pads {max(before, after)} pixels with the mirror image of {size}")
        cut = (slice(None),) * axis
        x = x[(*cut, slice(max(0, -before), min(0, after) or None))]
        first = [x[(*cut, slice(i, i + 1))] for i in reversed(range(before))]
        last = [x[(*cut, slice(-i - 1, -i or None))] for i in range(after)]
        x = ops.concatenate([*first, x, *last], axis=axis) if first or last else x
    return x


@converts("nn.SpatialCircularPadding", sample=3)
def circular_padding(module: Module, x: KerasTensor) -> KerasTensor:
    """Padding with the opposite side.

    The class of the networks of 2016 writes the first and the last row and column anew whatever its widths: the
    first one gets the last but one, the last one the second. With widths of 1 that is the padding itself; with
    widths of 0 it overwrites the border of the picture.
    """
    border = _border(module, 0)
    widths = sum(border, ())
    if 0 in widths and any(widths):
        raise module.fail(f"pads {widths} pixels: all sides or none can be padded")
    if any(widths):
        return CircularPadding2D(border)(x)
    x = ops.concatenate([x[:, -2:-1], x[:, 1:-1], x[:, 1:2]], axis=1)
    return ops.concatenate([x[:, :, -2:-1], x[:, :, 1:-1], x[:, :, 1:2]], axis=2)


@converts("nn.VolumetricReplicationPadding", sample=4)
def volume_padding(module: Module, x: KerasTensor) -> KerasTensor:
    """Padding of a volume with its outermost values; negative widths crop."""
    names = (("pfront", "pback"), ("ptop", "pbottom"), ("pleft", "pright"))
    for axis, sides in enumerate(names, start=1):
        before, after = (module.integer(name, low=-MAX_PADDING, high=MAX_PADDING) for name in sides)
        x = _replicated(x, axis, before, after)
    return x


def _replicated(x: KerasTensor, axis: int, before: int, after: int) -> KerasTensor:
    cut = (slice(None),) * axis
    x = x[(*cut, slice(max(0, -before), min(0, after) or None))]
    first, last = x[(*cut, slice(0, 1))], x[(*cut, slice(-1, None))]
    return ops.concatenate([first] * max(0, before) + [x] + [last] * max(0, after), axis=axis)


@converts("nn.ShaveImage", sample=3)
def shave(module: Module, x: KerasTensor) -> KerasTensor:
    """Cuts `size` pixels off each side."""
    return keras.layers.Cropping2D(module.integer("size", low=0, high=MAX_PADDING))(x)
