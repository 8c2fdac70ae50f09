"""Parts of pictures and sequences around a place, and the joining of the two pictures of a stereo pair."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import KerasTensor, ops

from convert.torch7.converters.arrangement import cut
from convert.torch7.module import Module
from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Cell, Value
from layers import BilinearUpSampling2D

MAX_GLIMPSE = 4096  # pixels of a side
MAX_DEPTH = 64


@converts("nn.SpatialUniformCrop", sample=3)
def centre_crop(module: Module, x: KerasTensor) -> KerasTensor:
    """The middle of a picture; training takes a part by chance."""
    height, width = (module.integer(name, low=1, high=2**16) for name in ("oheight", "owidth"))
    if x.shape[1] is None or x.shape[2] is None:
        raise module.fail("takes the middle of its input; give the sizes as `input_shape`")
    # Torch7's narrow counts from 1, so that its ceil((size - part) / 2) begins a pixel earlier than the number says.
    top, left = (math.ceil((size - part) / 2) - 1 for size, part in ((x.shape[1], height), (x.shape[2], width)))
    if top < 0 or left < 0:
        raise module.fail(f"takes {height}x{width} pixels of {x.shape[1]}x{x.shape[2]}, which must be larger")
    return x[:, top : top + height, left : left + width]


@converts_values("nn.SpatialGlimpse")
def glimpse(module: Module, value: Value) -> Cell:
    """Squares around a place (y, x), each from -1 to 1, of a picture with zeros around it, joined along the channels.

    The first has `size` pixels, number i from there on (i - 1) times `scale` times as many, resampled to `size`.
    """
    picture, place = module.first_items(value, 2)
    cell, where = module.single(picture), module.single(place)
    if cell.frame.hidden or cell.rank != 4 or where.rank != 2 or None in cell.sizes[2:]:
        raise module.fail(f"takes pictures of a known size and places in batches, not {cell.sizes}, {where.sizes}")
    size, depth = module.integer("size", low=1, high=MAX_GLIMPSE), module.integer("depth", 3, low=1, high=MAX_DEPTH)
    scale, x = module.number("scale", 2), cell.tensor
    parts = []
    for i in range(depth):
        side = size if i == 0 else i * scale * size
        if side != int(side) or not 1 <= side <= MAX_GLIMPSE:
            raise module.fail(f"takes squares of {side} pixels; whole numbers from 1 to {MAX_GLIMPSE} are allowed")
        padding = (int(side) - 1) // 2
        around = keras.layers.ZeroPadding2D(padding)(x)
        part = _from_place(module, around, where.source()[:, 0], int(side))
        turned = _from_place(module, ops.transpose(part, _TURNED), where.source()[:, 1], int(side))
        part = ops.transpose(turned, _TURNED)
        parts.append(part if side == size else BilinearUpSampling2D(output_size=(size, size))(part))
    return cell.like(ops.concatenate(parts, axis=-1))


_TURNED = (0, 2, 1, 3)  # height and width exchanged


@converts_values("nn.TemporalGlimpse")
def temporal_glimpse(module: Module, value: Value) -> Cell:
    """The steps of a sequence (batch, time, features) around a place from -1 to 1, with zeros around the sequence."""
    sequence, place = module.first_items(value, 2)
    cell, where = module.single(sequence), module.single(place)
    if cell.frame.hidden or cell.rank != 3 or where.rank != 2 or cell.sizes[1] is None:
        raise module.fail(f"takes sequences of a known length and places in batches, not {cell.sizes}, {where.sizes}")
    size = module.integer("size", low=1, high=MAX_GLIMPSE)
    around = keras.layers.ZeroPadding1D((size - 1) // 2)(cell.source())
    return cell.from_source(_from_place(module, around, where.source()[:, 0], size))


def _from_place(module: Module, x: KerasTensor, place: KerasTensor, size: int) -> KerasTensor:
    """Return `size` of the second axis for each sample, from where `place`, from -1 to 1, tells.

    A product with a matrix of zeros and ones, since places differ from sample to sample.
    """
    free = x.shape[1] - size
    if free < 0:
        raise module.fail(f"takes {size} of {x.shape[1]} rows or columns")
    first = ops.floor(ops.clip((place + 1.0) * 0.5 * free, 0.0, float(free)))
    # Arrays of NumPy, since what ops.arange makes becomes an input that is missing when tf2onnx exports the model.
    wanted = ops.expand_dims(first, -1) + np.arange(size, dtype=np.float32)
    chosen = ops.equal(ops.expand_dims(wanted, -1), np.arange(x.shape[1], dtype=np.float32))
    matrix = ops.cast(chosen, x.dtype)
    if len(x.shape) == 3:
        return ops.matmul(matrix, x)
    return ops.einsum("bsh,bhwc->bswc", matrix, x)


@converts("nn.StereoJoin1")
def stereo_similarity(module: Module, cell: Cell) -> Cell:
    """Sums over the channels of the products of pictures 1 and 2, 3 and 4, ... of the batch (MC-CNN, 1510.05970)."""
    if cell.rank != 4:
        raise module.fail(f"takes batches of pairs of pictures, but its input has the sizes {cell.sizes}")
    cell.keep_batch(1)
    source, axis = cell.source(), cell.source_axis(1)
    left, right = (cut(source, axis, slice(i, None, 2)) for i in (0, 1))
    return cell.from_source(ops.sum(left * right, axis=cell.source_axis(2), keepdims=True))
