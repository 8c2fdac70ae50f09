"""Containers, tables, and modules that pass their input on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras import ops

from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Cell, Value, axis_of
from layers import CenterPadConcatenate

if TYPE_CHECKING:
    from keras import KerasTensor

    from convert.torch7.context import Context
    from convert.torch7.module import Module


@converts_values("nn.Sequential")
def sequential(module: Module, value: Value, context: Context) -> Value:
    """One module after the other."""
    for child in module.children():
        value = context.convert(child, value)
    return value


@converts_values("nn.ConcatTable")
def concat_table(module: Module, value: Value, context: Context) -> Value:
    """Each module gets the input; their outputs make a table."""
    return [context.convert(child, value) for child in module.children()]


@converts_values("nn.ParallelTable")
def parallel_table(module: Module, value: Value, context: Context) -> Value:
    """Each module gets its own element of the input table."""
    children = module.children()
    items = module.first_items(value, len(children))
    return [context.convert(child, item) for child, item in zip(children, items, strict=True)]


@converts_values("nn.Concat")
def concat(module: Module, value: Value, context: Context) -> Value:
    """Each module gets the input; their outputs are joined along a dimension."""
    outputs = [context.convert(child, value) for child in module.children()]
    return Cell(_join(module, module.tensors(outputs), module.integer("dimension")))


@converts_values("nn.DepthConcat")
def depth_concat(module: Module, value: Value, context: Context) -> Value:
    """As Concat over the channels, for pictures of several sizes: smaller ones are centred in zeros."""
    outputs = module.tensors([context.convert(child, value) for child in module.children()])
    if any(len(x.shape) != 4 for x in outputs) or axis_of(module.integer("dimension"), 4) != 3:
        raise module.fail("is converted for the channels (dimension 2) of 4-D tensors only")
    return Cell(CenterPadConcatenate()(outputs))


@converts_values("nn.JoinTable")
def join_table(module: Module, value: Value) -> Value:
    """The tensors of a table, joined along a dimension."""
    tensors = module.tensors(value)
    if not tensors:
        raise module.fail("its input is an empty table")
    dimension = module.integer("dimension")
    # nInputDims is the rank without the batch: one more dimension means that the count starts after the batch.
    if dimension > 0 and len(tensors[0].shape) == module.integer("nInputDims", -1) + 1:
        dimension += 1
    return Cell(_join(module, tensors, dimension))


def _join(module: Module, tensors: list[KerasTensor], dimension: int) -> KerasTensor:
    ranks = {len(x.shape) for x in tensors}
    if len(ranks) != 1 or not 1 <= abs(dimension) <= min(ranks):
        raise module.fail(f"cannot join tensors of ranks {sorted(ranks)} along dimension {dimension}")
    return ops.concatenate(tensors, axis=axis_of(dimension, ranks.pop()))


@converts_values("nn.SelectTable")
def select_table(module: Module, value: Value) -> Value:
    """One element of a table, counted from 1 or from the end (negative)."""
    return module.item(value, module.integer("index"))


@converts_values("nn.NarrowTable")
def narrow_table(module: Module, value: Value) -> Value:
    """Some consecutive elements of a table."""
    first = module.integer("offset", low=1) - 1
    return module.table(value)[first : first + module.integer("length", 1, low=1)]


@converts_values("nn.FlattenTable")
def flatten_table(module: Module, value: Value) -> Value:
    """The elements of a table and of the tables in it, in order."""
    return module.leaves(value)


# nn.Copy holds Lua closures, which were skipped on reading; the losses among these do nothing when evaluated.
@converts_values("nn.Identity", "nn.Contiguous", "nn.Copy", "nn.TVLoss", "nn.TotalVariation", "nn.GradientReversal")
def identity(value: Value) -> Value:
    """The input."""
    return value


@converts("nn.Dropout")
def dropout(module: Module, x: KerasTensor) -> KerasTensor:
    """Without effect in evaluation, except that version 1 scales then by 1 - p."""
    return x if module.flag("v2") else x * (1.0 - module.number("p"))


@converts("nn.SpatialDropout")
def spatial_dropout(module: Module, x: KerasTensor) -> KerasTensor:
    """Scales by 1 - p in evaluation."""
    return x * (1.0 - module.number("p"))
