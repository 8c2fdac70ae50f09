"""What flows between modules while a network is rebuilt: cells, and Lua tables of cells as lists.

A cell stands for one tensor in Torch7's memory. Modules that pass their input on without a copy (nn.Identity) return
the same cell, and in-place modules (nn.ReLU(true)) write into it, so that aliasing has the effect it has in Torch7.

Four-dimensional tensors are (batch, height, width, channels) here where Torch7 has (batch, channels, height, width);
tensors of any other rank have Torch7's order of dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from convert.axes import from_source_order, keras_axis, to_source_order

if TYPE_CHECKING:
    from keras import KerasTensor


@dataclass(eq=False, slots=True)
class Cell:
    """One tensor in Torch7's memory; `tensor` is its present value."""

    tensor: KerasTensor


Value = Union[Cell, "Slices", Sequence["Value"]]


def axis_of(dimension: int, rank: int) -> int:
    """Return the axis at which Torch7's dimension, counted from 1 or from the end (negative), stands here."""
    return keras_axis(dimension - 1 if dimension > 0 else rank + dimension, rank)


def select(x: KerasTensor, dimension: int, index: int) -> KerasTensor:
    """Return slice `index` (from 0, or from the end) along Torch7's `dimension`; the result has one rank less."""
    axis = dimension - 1 if dimension > 0 else len(x.shape) + dimension
    return from_source_order(to_source_order(x)[(slice(None),) * axis + (index,)])


@dataclass(eq=False, slots=True)
class Slices:
    """A table of all slices of a tensor along a dimension whose size is not known before the network runs."""

    tensor: KerasTensor
    dimension: int

    def item(self, index: int) -> Cell:
        """Return slice `index`, from 0 or from the end."""
        return Cell(select(self.tensor, self.dimension, index))
