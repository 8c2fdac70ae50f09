"""Modules that pick, move and reshape, in Torch7's order of dimensions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from convert.axes import from_source_order, to_source_order
from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Slices, Value, axis_of, select

if TYPE_CHECKING:
    from keras import KerasTensor

    from convert.torch7.context import Context
    from convert.torch7.module import Module


@converts("nn.Select")
def select_index(module: Module, x: KerasTensor) -> KerasTensor:
    """One slice along a dimension, counted from 1 or from the end (negative)."""
    index = module.integer("index")
    return select(x, _dimension(module, x), index - 1 if index > 0 else index)


@converts_values("nn.SplitTable")
def split_table(module: Module, value: Value) -> Value:
    """A table of all slices along a dimension."""
    x = module.single(value).tensor
    dimension = module.integer("dimension")
    if dimension > 0 and len(x.shape) == module.integer("nInputDims", -1) + 1:
        dimension += 1
    _check_dimension(module, x, dimension)
    slices = Slices(x, dimension)
    length = x.shape[axis_of(dimension, len(x.shape))]
    return slices if length is None else [slices.item(i) for i in range(length)]


@converts("nn.Narrow")
def narrow(module: Module, x: KerasTensor) -> KerasTensor:
    """A range along a dimension."""
    part = _narrow_range(module.integer("index"), module.integer("length", 1))
    axis = axis_of(_dimension(module, x), len(x.shape))
    return _slice(x, axis, part)


def _narrow_range(index: int, length: int) -> slice:
    """Return the range of nn.Narrow.

    A negative length -n ends n - 1 before the end. A negative index keeps the first (size - length) elements, where a
    negative length stands for size - index + length + 2, as Torch7 has it.
    """
    if index > 0:
        stop = index - 1 + length if length >= 0 else (length + 1 or None)
        return slice(index - 1, stop)
    return slice(0, -length if length > 0 else index - length - 2)


@converts("nn.Padding")
def padding(module: Module, x: KerasTensor) -> KerasTensor:
    """|pad| constant elements before position `index`, counted from the left (pad < 0) or from the right."""
    dimension = module.integer("dim")
    if module.get("nInputDim") is not None and len(x.shape) != module.integer("nInputDim"):
        dimension += 1
    _check_dimension(module, x, dimension)
    pad, place = module.integer("pad", low=-4096, high=4096), module.integer("index", 1, low=1) - 1
    axis = axis_of(dimension, len(x.shape))
    value = float(module.number("value", 0))
    if place == 0:
        return _pad_axis(x, axis, (0, pad) if pad > 0 else (-pad, 0), value)
    split = -place if pad > 0 else place
    head, tail = _slice(x, axis, slice(0, split)), _slice(x, axis, slice(split, None))
    return ops.concatenate([_pad_axis(head, axis, (0, abs(pad)), value), tail], axis=axis)


def _pad_axis(x: KerasTensor, axis: int, widths: tuple[int, int], value: float) -> KerasTensor:
    return ops.pad(x, [widths if i == axis else (0, 0) for i in range(len(x.shape))], constant_values=value)


def _slice(x: KerasTensor, axis: int, part: slice) -> KerasTensor:
    return x[tuple(part if i == axis else slice(None) for i in range(len(x.shape)))]


@converts("nn.Transpose")
def transpose(module: Module, x: KerasTensor) -> KerasTensor:
    """Swaps pairs of dimensions, one pair after the other."""
    order = list(range(len(x.shape)))
    for pair in module.get("permutations").sequence():
        i, j = (int(dimension) - 1 for dimension in pair.sequence())
        order[i], order[j] = order[j], order[i]
    return from_source_order(ops.transpose(to_source_order(x), order))


@converts("nn.View")
def view(module: Module, x: KerasTensor) -> KerasTensor:
    """Other sizes for the same elements, in Torch7's order (channels, height, width)."""
    sizes = module.sizes("size")
    rank = len(x.shape)
    inner = module.integer("numInputDims", rank, low=1)
    if inner < rank:
        return _reshape_samples(module, x, sizes)
    if -1 in sizes:
        return _reshape(x, sizes)
    # Without -1 what does not fit into the sizes is the batch. Four sizes that begin with 1 name the batch themselves.
    return _reshape(x, [-1, *(sizes[1:] if len(sizes) == 4 and sizes[0] == 1 else sizes)])


@converts("nn.Reshape")
def reshape(module: Module, x: KerasTensor) -> KerasTensor:
    """Other sizes for the elements of each sample, or of the whole batch with batchMode false."""
    sizes = module.sizes("size")
    return _reshape(x, sizes) if module.get("batchMode") is False else _reshape(x, [-1, *sizes])


def _reshape_samples(module: Module, x: KerasTensor, sizes: list[int]) -> KerasTensor:
    """Reshape each sample, with at most one size -1."""
    if sizes == [-1]:
        # Flatten is the one layer that keeps the batch free when height and width are free too.
        return keras.layers.Flatten()(to_source_order(x))
    if -1 not in sizes:
        return _reshape(x, [-1, *sizes])
    if None in x.shape[1:]:
        raise module.fail(f"size -1 in {sizes} cannot be told for a picture of free size {x.shape}")
    rest = math.prod(x.shape[1:]) // max(1, math.prod(size for size in sizes if size != -1))
    return _reshape(x, [-1, *(rest if size == -1 else size for size in sizes)])


def _reshape(x: KerasTensor, sizes: list[int]) -> KerasTensor:
    return from_source_order(ops.reshape(to_source_order(x), sizes))


@converts("nn.Linear")
def linear(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """A dense layer."""
    weight, bias = module.required_array("weight"), module.array("bias")
    if weight.ndim != 2 or len(x.shape) not in (1, 2):
        raise module.fail(f"needs a 2-D weight and a 1-D or 2-D input, not {weight.shape} and {x.shape}")
    units, width = weight.shape
    samples = ops.reshape(x, (-1, width)) if x.shape[-1] is None or len(x.shape) == 1 else x
    make = lambda: keras.layers.Dense(units, use_bias=bias is not None)  # noqa: E731
    result = context.apply(module, samples, make, [np.ascontiguousarray(weight.T), bias])
    return result if len(x.shape) == 2 else ops.reshape(result, (-1,))


def _dimension(module: Module, x: KerasTensor) -> int:
    dimension = module.integer("dimension")
    _check_dimension(module, x, dimension)
    return dimension


def _check_dimension(module: Module, x: KerasTensor, dimension: int) -> None:
    if not 1 <= abs(dimension) <= len(x.shape):
        raise module.fail(f"dimension {dimension} of a tensor of shape {x.shape}")
