"""Conversion of Torch7's dimension numbers."""

from __future__ import annotations

from convert.torch7.module import Module
from convert.torch7.symbolic_values import Cell


def dimension_of(
    module: Module,
    cell: Cell,
    field: str = "dimension",
    *,
    sample_rank: str = "nInputDims",
    default: int | None = None,
) -> int:
    """Return a module's field as a dimension of its input, counted from 1.

    Negative ones count from the end. The field `sample_rank` is the number of dimensions without the batch: with one
    more than that, the count starts after the batch.

    Args:
        module: the module.
        cell: its input.
        field: name of the field.
        sample_rank: name of the field with the rank of a sample.
        default: what a missing field stands for.
    """
    dimension = module.integer(field, default)
    if dimension < 0:
        dimension += cell.rank + 1
    elif has_batch(module, cell, sample_rank):
        dimension += 1
    if not 1 <= dimension <= cell.rank:
        raise module.fail_at_dimension(field, dimension, cell.sizes)
    return dimension


def has_batch(module: Module, cell: Cell, sample_rank: str = "nInputDims") -> bool:
    """Return whether the input has one dimension more than the field `sample_rank` says of a sample."""
    return module.get(sample_rank) is not None and cell.rank == module.integer(sample_rank) + 1
