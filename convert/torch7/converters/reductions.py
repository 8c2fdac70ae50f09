"""Sums, means and extremes along a dimension, and products of pairs."""

from __future__ import annotations

from keras import KerasTensor, ops

from convert.torch7.context import Context
from convert.torch7.dimensions import dimension_of
from convert.torch7.module import Module
from convert.torch7.registry import converts
from convert.torch7.symbolic_values import Cell

# More than any dimension has.
MAX_LENGTH = 2**24


@converts("nn.Sum")
def total(module: Module, cell: Cell) -> Cell:
    """Sum along a dimension, or mean with sizeAverage."""
    dimension = dimension_of(module, cell)
    return _reduced(module, cell, dimension, ops.mean if module.flag("sizeAverage") else ops.sum)


@converts("nn.Mean")
def mean(module: Module, cell: Cell) -> Cell:
    """Mean along a dimension; files from before nn.Mean became a kind of nn.Sum have no sizeAverage and mean it too."""
    return _reduced(module, cell, dimension_of(module, cell), ops.mean)


def _reduced(module: Module, cell: Cell, dimension: int, reduce: type[ops.sum]) -> Cell:
    cell.keep_batch(dimension)
    axis = cell.source_axis(dimension)
    keep = cell.rank == 1 or not module.flag("squeeze", True)
    return cell.from_source(reduce(cell.source(), axis=axis, keepdims=keep))


@converts("nn.Max")
def maximum(module: Module, cell: Cell) -> Cell:
    """Largest value along a dimension."""
    return _extreme(module, cell, ops.max)


@converts("nn.Min")
def minimum(module: Module, cell: Cell) -> Cell:
    """Smallest value along a dimension."""
    return _extreme(module, cell, ops.min)


def _extreme(module: Module, cell: Cell, reduce: type[ops.max]) -> Cell:
    dimension = dimension_of(module, cell, default=1)
    cell.keep_batch(dimension)
    return cell.from_source(reduce(cell.source(), axis=cell.source_axis(dimension), keepdims=cell.rank == 1))


@converts("nn.ArgMax")
def position_of_maximum(module: Module, cell: Cell) -> Cell:
    """Index (from 1) of the largest value along a dimension."""
    dimension = module.integer("dim", 1, low=1) + (cell.rank > module.integer("nInputDim", 9999))
    if dimension > cell.rank:
        raise module.fail_at_dimension("dim", dimension, cell.sizes)
    cell.keep_batch(dimension)
    source, axis = cell.source(), cell.source_axis(dimension)
    largest = ops.equal(source, ops.max(source, axis=axis, keepdims=True))
    return cell.from_source(_first(largest, axis, keepdims=cell.rank == 1))


def _first(wanted: KerasTensor, axis: int, *, keepdims: bool = False) -> KerasTensor:
    """Return the index (from 1) of the first True along an axis, with operations that ONNX and LiteRT have.

    Keras' argmax looks at the bits of zeros, for which they have none.
    """
    order = ops.cumsum(ops.ones_like(wanted, "int32"), axis=axis)
    return ops.cast(ops.min(ops.where(wanted, order, MAX_LENGTH), axis=axis, keepdims=keepdims), "float32")


@converts("nn.Kmeans")
def nearest_center(module: Module, x: KerasTensor, cell: Cell, context: Context) -> KerasTensor:
    """Index (from 1) of the nearest centre."""
    if cell.rank != 2 - cell.frame.hidden:
        raise module.fail(f"takes (batch, features), but its input has the sizes {cell.sizes}")
    module.ignore("clusterSampleCount")
    centers = context.parameter(module, x, "weight")
    distances = ops.sum(ops.square(ops.expand_dims(x, -2) - centers), axis=-1)
    return _first(ops.equal(distances, ops.min(distances, axis=-1, keepdims=True)), -1)
