"""Converters of the layers that arrange numbers anew: join, cut, repeat, reshape, add up."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import keras
import numpy as np
from keras import KerasTensor, ops

from convert.axes import from_source_order, keras_axis, to_source_order
from convert.caffe.file.schema import enum_name
from convert.caffe.registry import Step, converts
from convert.caffe.shape_rules.arrangement import axis_order, crop_offsets, joined_axis, keeps_batch, slice_points
from convert.caffe.shapes import Shape, canonical_axis, count, known
from layers import CropToMatch, PixelShuffle2D


@converts("Concat")
def concat(step: Step, *inputs: KerasTensor) -> KerasTensor:
    """Join along one axis."""
    axis = joined_axis(step.layer.concat_param, "concat_dim", step.shapes.bottoms[0])
    if len(inputs) == 1:
        return inputs[0]
    return step.apply(keras.layers.Concatenate, list(inputs), axis=keras_axis(axis, len(step.shapes.bottoms[0])))


@converts("Slice")
def slices(step: Step, x: KerasTensor) -> Sequence[KerasTensor]:
    """Cut along one axis."""
    bottom = step.shapes.bottoms[0]
    axis = joined_axis(step.layer.slice_param, "slice_dim", bottom)
    points = slice_points(step.layer, known(bottom[axis]))
    return [_cut(x, {axis: slice(start, end)}) for start, end in itertools.pairwise(points)]


def _cut(x: KerasTensor, parts: dict[int, slice]) -> KerasTensor:
    """Return the part of `x` that lies in `parts` of Caffe's axes."""
    axes = len(x.shape)
    index = [slice(None)] * axes
    for axis, part in parts.items():
        index[keras_axis(axis, axes)] = part
    return x[tuple(index)]


@converts("Crop")
def crop(step: Step, x: KerasTensor, reference: KerasTensor) -> KerasTensor:
    """Cut to the size that the second bottom has on the axes from `axis` on."""
    bottom, wanted = step.shapes.bottoms
    axis = canonical_axis(step.layer.crop_param.axis, bottom)
    offsets = dict(enumerate(crop_offsets(step.layer, bottom), axis))
    if None not in bottom[axis:] + wanted[axis:]:
        return _cut(x, {axis: slice(start, start + known(wanted[axis])) for axis, start in offsets.items()})
    return step.apply(CropToMatch, [_cut(x, {axis: slice(start, None) for axis, start in offsets.items()}), reference])


@converts("CropCenter")
def crop_center(step: Step, x: KerasTensor) -> KerasTensor:
    """Cut the given number off both ends of each axis."""
    borders = enumerate(step.layer.crop_center_param.crop_size)
    return _cut(x, {axis: slice(border, -border) for axis, border in borders if border})


@converts("Split")
def split(step: Step, x: KerasTensor) -> Sequence[KerasTensor]:
    """Hand on."""
    return [x] * len(step.layer.top)


@converts("Tile")
def tile(step: Step, x: KerasTensor) -> KerasTensor:
    """Repeat along one axis."""
    axes = len(x.shape)
    repeats = [1] * axes
    axis = canonical_axis(step.layer.tile_param.axis, step.shapes.bottoms[0])
    repeats[keras_axis(axis, axes)] = step.layer.tile_param.tiles
    return ops.tile(x, repeats)


@converts("Permute")
def permute(step: Step, x: KerasTensor) -> KerasTensor:
    """Put the axes into another order."""
    return _transposed(x, axis_order(step.layer, step.shapes.bottoms[0]))


@converts("Transpose")
def transpose(step: Step, x: KerasTensor) -> KerasTensor:
    """Put all axes into another order."""
    return _transposed(x, list(step.layer.transpose_param.dim))


def _transposed(x: KerasTensor, order: Sequence[int]) -> KerasTensor:
    """Return `x` with Caffe's axes in another order."""
    axes = len(x.shape)
    # Which of Caffe's axes stands where in a Keras tensor.
    stands = sorted(range(axes), key=lambda axis: keras_axis(axis, axes))
    permutation = [keras_axis(order[axis], axes) for axis in stands]
    return x if permutation == list(range(axes)) else ops.transpose(x, permutation)


@converts("Reverse")
def reverse(step: Step, x: KerasTensor) -> KerasTensor:
    """Turn one axis around."""
    axis = canonical_axis(step.layer.reverse_param.axis, step.shapes.bottoms[0])
    return ops.flip(x, axis=keras_axis(axis, len(x.shape)))


@converts("ShuffleChannel")
def shuffle_channel(step: Step, x: KerasTensor) -> KerasTensor:
    """Take the channels of the groups in turn: the first of each, the second of each."""
    channels, group = known(step.shapes.bottoms[0][1]), step.layer.shuffle_channel_param.group
    return ops.take(x, np.arange(channels).reshape(group, -1).T.ravel(), axis=-1)


@converts("PixelShuffle")
def pixel_shuffle(step: Step, x: KerasTensor) -> KerasTensor:
    """Turn channels into squares of pixels, those of each output channel in a row (ESPCN, 1609.05158)."""
    return step.apply(PixelShuffle2D, x, size=step.layer.pixel_shuffle_param.upscale_factor)


@converts("Reorg")
def reorg(step: Step, x: KerasTensor) -> KerasTensor:
    """Turn squares of pixels into channels, by darknet's indices.

    They take the numbers for those of a picture `stride` times as high and as wide, of fewer channels, whose squares
    become channels; these are then taken for a smaller picture of more channels.
    """
    stride, (channels, height, width) = step.layer.reorg_param.stride, map(known, step.shapes.bottoms[0][1:])
    squares = ops.reshape(to_source_order(x), (-1, channels // stride**2, height, stride, width, stride))
    return _reshaped(ops.transpose(squares, (0, 3, 5, 1, 2, 4)), step.shapes.tops[0])


@converts("Flatten", "Reshape")
def reshape(step: Step, x: KerasTensor) -> KerasTensor:
    """Give the numbers, in Caffe's order, another shape."""
    top, x = step.shapes.tops[0], to_source_order(x)
    if keeps_batch(step.layer) and top.count(None) > 1:
        sizes = [-1 if size is None else size for size in top[1:]]
        return from_source_order(step.apply(keras.layers.Reshape, x, target_shape=sizes))
    return _reshaped(x, top)


def _reshaped(x: KerasTensor, shape: Shape) -> KerasTensor:
    return from_source_order(ops.reshape(x, [-1 if size is None else size for size in shape]))


@converts("Reduction")
def reduction(step: Step, x: KerasTensor) -> KerasTensor:
    """Add up (the magnitudes, the squares), or take the mean of, all axes from `axis` on."""
    parameter = step.layer.reduction_param
    name = enum_name(parameter, "operation")
    x = to_source_order(x)
    if name in ("ASUM", "SUMSQ"):
        x = ops.abs(x) if name == "ASUM" else ops.square(x)
    axes = list(range(canonical_axis(parameter.axis, x.shape), len(x.shape)))
    y = from_source_order(ops.mean(x, axis=axes) if name == "MEAN" else ops.sum(x, axis=axes))
    return y if parameter.coeff == 1 else parameter.coeff * y


@converts("ArgMax")
def argmax(step: Step, x: KerasTensor) -> KerasTensor:
    """Return the positions (as float32), or values, of the `top_k` largest numbers, the largest first."""
    parameter, bottom = step.layer.argmax_param, step.shapes.bottoms[0]
    x = to_source_order(x)
    if parameter.HasField("axis"):
        axis = canonical_axis(parameter.axis, bottom)
        values, positions = _largest(ops.moveaxis(x, axis, -1), parameter.top_k, known(bottom[axis]))
        return from_source_order(ops.moveaxis(values if parameter.out_max_val else positions, -1, axis))
    length = count(bottom[1:])
    values, positions = _largest(ops.reshape(x, (-1, length)), parameter.top_k, length)
    pairs = ops.stack([positions, values], axis=1) if parameter.out_max_val else positions
    return _reshaped(pairs, step.shapes.tops[0])


def _largest(x: KerasTensor, number: int, length: int) -> tuple[KerasTensor, KerasTensor]:
    """Return the largest along the last axis and where they stand; of equal ones the last goes first, as in Caffe."""
    values, positions = ops.top_k(ops.flip(x, axis=-1), number)
    return values, ops.cast(length - 1 - positions, "float32")
