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

from keras import ops

if TYPE_CHECKING:
    from keras import KerasTensor

# Where the dimensions of Torch7's NCHW stand in NHWC, and the permutations between the two.
_NHWC_AXIS = (0, 3, 1, 2)
_TO_TORCH = (0, 3, 1, 2)
_FROM_TORCH = (0, 2, 3, 1)


@dataclass(eq=False, slots=True)
class Cell:
    """One tensor in Torch7's memory; `tensor` is its present value."""

    tensor: KerasTensor


Value = Union[Cell, "Slices", Sequence["Value"]]


def keras_axis(dimension: int, rank: int) -> int:
    """Return the axis at which Torch7's dimension, counted from 1 or from the end (negative), stands here."""
    position = dimension - 1 if dimension > 0 else rank + dimension
    return _NHWC_AXIS[position] if rank == 4 else position


def to_torch_order(x: KerasTensor) -> KerasTensor:
    """Return the tensor with Torch7's order of dimensions."""
    return ops.transpose(x, _TO_TORCH) if len(x.shape) == 4 else x


def from_torch_order(x: KerasTensor) -> KerasTensor:
    """Return a tensor that has Torch7's order of dimensions in the order used here."""
    return ops.transpose(x, _FROM_TORCH) if len(x.shape) == 4 else x


def select(x: KerasTensor, dimension: int, index: int) -> KerasTensor:
    """Return slice `index` (from 0, or from the end) along Torch7's `dimension`; the result has one rank less."""
    axis = dimension - 1 if dimension > 0 else len(x.shape) + dimension
    return from_torch_order(to_torch_order(x)[(slice(None),) * axis + (index,)])


@dataclass(eq=False, slots=True)
class Slices:
    """A table of all slices of a tensor along a dimension whose size is not known before the network runs."""

    tensor: KerasTensor
    dimension: int

    def item(self, index: int) -> Cell:
        """Return slice `index`, from 0 or from the end."""
        return Cell(select(self.tensor, self.dimension, index))
