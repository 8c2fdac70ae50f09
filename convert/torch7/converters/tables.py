"""Modules that take tables apart, put them together, and compute between their tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from keras import KerasTensor, ops

from convert.functions import largest
from convert.torch7.context import Context
from convert.torch7.dimensions import dimension_of
from convert.torch7.module import Module
from convert.torch7.registry import converts_values
from convert.torch7.symbolic_values import Cell, Value
from layers import MaskedSelect


@converts_values("nn.JoinTable")
def join_table(module: Module, value: Value) -> Value:
    """The tensors of a table, joined along a dimension."""
    cells = module.cells(value)
    return join(module, cells, dimension_of(module, cells[0]))


def join(module: Module, cells: list[Cell], dimension: int) -> Cell:
    """Return the tensors joined along Torch7's dimension, counted from 1."""
    ranks = {cell.rank for cell in cells}
    if len(ranks) != 1 or not 1 <= dimension <= min(ranks):
        raise module.fail(f"cannot join tensors of ranks {sorted(ranks)} along dimension {dimension}")
    cells[0].keep_batch(dimension)
    return cells[0].like(ops.concatenate([cell.tensor for cell in cells], axis=cells[0].axis(dimension)))


@converts_values("nn.SelectTable")
def select_table(module: Module, value: Value) -> Value:
    """One element of a table, counted from 1 or from the end (negative)."""
    return module.item(value, module.integer("index"))


@converts_values("nn.ElementTable")
def element_table(module: Module, value: Value) -> Value:
    """One element of a table, counted from 1, as nn.SelectTable was called in nnx."""
    return module.item(value, module.integer("index", low=1))


@converts_values("nn.PushTable")
def push_table(module: Module, value: Value, context: Context) -> Value:
    """A table without one of its elements, which nn.PullTable puts into another one further on."""
    module.ignore("_gradInput")
    index = module.integer("_index", low=1)
    context.remember(module, [module.item(value, index)])
    items = module.table(value)
    return [*items[: index - 1], *items[index:]]


@converts_values("nn.PullTable")
def pull_table(module: Module, value: Value, context: Context) -> Value:
    """A table with the element that nn.PushTable took out of one before; a tensor counts as a table of one."""
    module.ignore("_output")
    pushed = context.recall(module.child(module.get("_push"), "_push"), [])
    items = [value] if isinstance(value, Cell) else module.table(value)
    index = module.integer("_index", low=1, high=len(items) + 1)
    if not pushed:
        raise module.fail("stands before the nn.PushTable that its element comes from")
    return [*items[: index - 1], *pushed, *items[index - 1 :]]


@converts_values("w2nn.AuxiliaryLossTable")
def main_output(module: Module, value: Value) -> Value:
    """The element `i` of a table; the others count in training only."""
    module.ignore("output_tensor")
    cell = module.single(module.item(value, module.integer("i", 1)))
    return cell.like(cell.tensor)  # a copy, which in-place modules may change


@converts_values("nn.NarrowTable")
def narrow_table(module: Module, value: Value) -> Value:
    """Some consecutive elements of a table."""
    first = module.integer("offset", low=1) - 1
    return module.table(value)[first : first + module.integer("length", 1, low=1)]


@converts_values("nn.FlattenTable")
def flatten_table(module: Module, value: Value) -> Value:
    """The elements of a table and of the tables in it, in order."""
    return module.leaves(value)


@converts_values("nn.ReverseTable")
def reverse_table(module: Module, value: Value) -> Value:
    """The elements of a table, the last one first."""
    return module.table(value)[::-1]


@converts_values("nn.ZipTable")
def zip_table(module: Module, value: Value) -> Value:
    """A table of tables the other way round."""
    rows = [module.table(item) for item in module.table(value)]
    return [list(column) for column in zip(*rows, strict=False)]


@converts_values("nn.ZipTableOneToMany")
def zip_one_to_many(module: Module, value: Value) -> Value:
    """A value and a table become a table of pairs."""
    one, many = module.pair(value)
    return [[one, item] for item in module.table(many)]


@converts_values("nn.CAddTensorTable")
def add_to_all(module: Module, value: Value) -> Value:
    """A tensor and a table become the table of sums."""
    one, many = module.pair(value)
    cell = module.single(one)
    return [cell.like(ops.add(*matched(cell, module.single(item)))) for item in module.table(many)]


def matched(one: Cell, other: Cell) -> tuple[KerasTensor, KerasTensor]:
    """Return two tensors of as many elements so that operations pair them: ones among the sizes may differ."""
    if one.rank == other.rank:
        return _paired(one, other)
    if one.rank < other.rank:
        return tuple(reversed(matched(other, one)))
    source, extra = one.source(), one.rank - other.rank
    axes = [axis for axis in range(one.frame.hidden, len(source.shape)) if source.shape[axis] == 1][:extra]
    if len(axes) == extra and extra:
        return one.from_source(ops.squeeze(source, axis=tuple(axes))).tensor, other.tensor
    return one.tensor, other.tensor


def _paired(one: Cell, other: Cell) -> tuple[KerasTensor, KerasTensor]:
    """Return two tensors of one rank; Torch7 pairs elements in the order of memory where the sizes differ."""
    free = other.sizes.count(None)
    crossed = [a for a, b in zip(one.sizes, other.sizes, strict=True) if a is not None and b is None]
    if one.frame.hidden or free != 1 or not crossed or one.sizes.count(None) != 1:
        return one.tensor, other.tensor
    sizes = [-1 if size is None else size for size in other.sizes]
    return one.from_source(ops.reshape(one.source(), sizes)).tensor, other.tensor


def _converts_table(*type_names: str, count: int | None = None) -> Callable:
    """Register a function of the list of tensors in a table; an in-place module overwrites the first of them."""

    def register(function: Callable[[list[KerasTensor]], KerasTensor]) -> Callable:
        @converts_values(*type_names)
        def convert(module: Module, value: Value) -> Value:
            if isinstance(value, Cell):
                value = [value]
            cells = module.cells(value, count)
            tensors = [cells[0].tensor, *(matched(cell, cells[0])[0] for cell in cells[1:])]
            result = function(tensors)
            if not module.flag("inplace"):
                return cells[0].like(result)
            cells[0].tensor = result
            return cells[0]

        return function

    return register


@_converts_table("nn.CAddTable")
def add_all(tensors: list[KerasTensor]) -> Any:
    """Sum of the tensors."""
    return functools.reduce(ops.add, tensors)


@converts_values("w2nn.ShakeShakeTable")
def shake_shake(module: Module, value: Value) -> Value:
    """Sum of two pictures; in training they are mixed at random."""
    module.ignore("alpha", "beta", "first", "second")
    first, second = module.cells(value, 2)
    return first.like(first.tensor + second.tensor)


@_converts_table("nn.CSubTable", count=2)
def subtract(tensors: list[KerasTensor]) -> Any:
    """First tensor minus the second."""
    first, second = tensors
    return first - second


@_converts_table("nn.CMulTable")
def multiply_all(tensors: list[KerasTensor]) -> Any:
    """Product of the tensors."""
    return functools.reduce(ops.multiply, tensors)


@_converts_table("nn.CDivTable", count=2)
def divide(tensors: list[KerasTensor]) -> Any:
    """First tensor divided by the second."""
    first, second = tensors
    return first / second


@_converts_table("nn.CMaxTable")
def maximum(tensors: list[KerasTensor]) -> Any:
    """Largest of the tensors, element by element."""
    return largest(tensors)


@_converts_table("nn.CMinTable")
def minimum(tensors: list[KerasTensor]) -> Any:
    """Smallest of the tensors, element by element."""
    return functools.reduce(ops.minimum, tensors)


@converts_values("w2nn.ScaleTable")
def scale_channels(module: Module, value: Value) -> Value:
    """A picture times a second one of a pixel: a factor for each channel."""
    picture, factors = module.cells(value, 2)
    return picture.like(picture.tensor * factors.tensor)


@converts_values("nn.MixtureTable")
def mixture(module: Module, value: Value) -> Value:
    """Sum of experts, each weighted by its gate: the experts are a table or lie along a dimension of a tensor."""
    gates, experts = module.pair(value)
    gate = module.single(gates)
    if isinstance(experts, Cell):
        dimension = module.integer("dim", gate.rank, low=1)
        cells = _slices(module, experts, dimension)
    else:
        cells = module.cells(experts)
    weights = gate.source()
    terms = [_spread(weights[..., i], cell) * cell.source() for i, cell in enumerate(cells)]
    return cells[0].from_source(functools.reduce(ops.add, terms))


def _slices(module: Module, experts: Cell, dimension: int) -> list[Cell]:
    if dimension > experts.rank or experts.sizes[dimension - 1] is None:
        raise module.fail(f"needs a known size of dimension {dimension} of its experts, not {experts.sizes}")
    source, axis = experts.source(), experts.source_axis(dimension)
    count = experts.sizes[dimension - 1] or 0
    return [experts.from_source(source[(slice(None),) * axis + (i,)]) for i in range(count)]


def _spread(gate: KerasTensor, expert: Cell) -> KerasTensor:
    """Return a gate with an axis of size 1 for each further axis of the expert."""
    missing = len(expert.tensor.shape) - len(gate.shape)
    for _ in range(missing):
        gate = ops.expand_dims(gate, -1)
    return gate


@converts_values("nn.Index")
def index(module: Module, value: Value) -> Value:
    """The slices of a tensor that the indices (from 1) name."""
    cell, indices = module.cells(value, 2)
    dimension = dimension_of(module, cell)
    cell.keep_batch(dimension)
    positions = ops.cast(indices.tensor - 1, "int32")
    source, axis = cell.source(), cell.source_axis(dimension)
    if not cell.frame.hidden:
        return cell.from_source(ops.take(source, positions, axis=axis))
    for other in range(1, len(source.shape)):
        if other != axis:
            positions = ops.expand_dims(positions, other)
    return cell.from_source(ops.take_along_axis(source, positions, axis=axis))


@converts_values("nn.MaskedSelect")
def masked_select(module: Module, value: Value) -> Value:
    """The elements where the mask is not zero, as a vector."""
    cell, mask = module.cells(value, 2)
    if cell.frame.hidden:
        raise module.fail("selects as many elements as the mask has, which is not possible with a batch dimension")
    return cell.like(MaskedSelect()([cell.source(), mask.source()]))


@converts_values("nn.MM")
def matrix_product(module: Module, value: Value) -> Value:
    """Product of two matrices, or of two batches of them."""
    first, second = module.cells(value, 2)
    if first.rank == 2:
        first.keep_batch(1)
    a = _swapped(first.source()) if module.flag("transA") else first.source()
    b = _swapped(second.source()) if module.flag("transB") else second.source()
    return first.from_source(ops.matmul(a, b))


def _swapped(x: KerasTensor) -> KerasTensor:
    return ops.swapaxes(x, -1, -2)


@converts_values("nn.MV")
def matrix_times_vector(module: Module, value: Value) -> Value:
    """Product of a matrix and a vector, or of batches of them."""
    matrix, vector = module.cells(value, 2)
    if vector.rank == 1:
        vector.keep_batch(1)
    m = _swapped(matrix.source()) if module.flag("trans") else matrix.source()
    return vector.from_source(ops.matmul(m, vector.source()[..., None])[..., 0])


@converts_values("nn.DotProduct")
def dot_product(module: Module, value: Value) -> Value:
    """Sum of the products, one value per sample."""
    first, second = module.cells(value, 2)
    return first.from_source(sum_of_features(first, first.source() * second.source()))


def sum_of_features(cell: Cell, x: KerasTensor) -> KerasTensor:
    """Return the sum over the dimension after the batch; a vector gives one element."""
    if cell.rank == 1:
        cell.keep_batch(1)
        return ops.sum(x, axis=-1, keepdims=True)
    return ops.sum(x, axis=cell.frame.hidden + 1)
