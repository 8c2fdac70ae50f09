"""The values that pass between modules during conversion: cells, and Lua tables of cells as lists.

A cell stands for one tensor in Torch7's memory. Modules that pass their input on without a copy (nn.Identity) return
the same cell, those that give it other sizes (nn.View) or take it apart (nn.SplitTable) views of it, and in-place
modules (nn.ReLU(true)) write into it, so that aliasing has the effect it has in Torch7. (nn.Select, nn.Narrow and
nn.Transpose copy, in Torch7 too.)

Tensors of four and five axes have their channels last here, where Torch7 has them second; tensors of any other rank
have Torch7's order of dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from keras import KerasTensor, ops

from convert.axes import from_source_order, keras_axis, source_shape, to_source_order
from errors import ArgumentError
from layers import FoldAxes, UnfoldAxes


class BatchConsumed(Exception):
    """A module works along the batch, as one does in a network that Torch7 runs without a batch."""


@dataclass(frozen=True)
class Frame:
    """How Keras' axes relate to Torch7's dimensions.

    Attributes:
        hidden: leading axes that Torch7 does not see: 1 where it runs the network without a batch dimension, else 0.
        keep_batch: refuse modules that work along the batch (`BatchConsumed`).
    """

    hidden: int = 0
    keep_batch: bool = False


@dataclass(frozen=True)
class _Part:
    """How a view is read from a tensor, and what the tensor becomes where the view is written; all in Keras' order."""

    read: Callable[[KerasTensor], KerasTensor]
    write: Callable[[KerasTensor, KerasTensor], KerasTensor]


@dataclass(eq=False, slots=True)
class _Memory:
    """What a tensor and its views have in common.

    Attributes:
        tensor: the whole tensor, as it was before `pending`.
        writes: how often it or a part of it was written.
        pending: the parts that were written since, one in another, and what; applied when somebody reads the tensor.
    """

    tensor: KerasTensor
    writes: int = 0
    pending: list[tuple[tuple[_Part, ...], KerasTensor]] = field(default_factory=list)

    def read(self, parts: tuple[_Part, ...]) -> KerasTensor:
        """Return the present value of a part."""
        for written, value in self.pending:
            self.tensor = _written(self.tensor, written, value)
        self.pending.clear()
        tensor = self.tensor
        for part in parts:
            tensor = part.read(tensor)
        return tensor

    def write(self, parts: tuple[_Part, ...], value: KerasTensor) -> None:
        """Give a part, or all where there are no parts, a new value."""
        if not parts:
            self.pending.clear()
        self.pending.append((parts, value))
        self.writes += 1


def _written(tensor: KerasTensor, parts: tuple[_Part, ...], value: KerasTensor) -> KerasTensor:
    """Return a tensor of which a part of a part of it ... is replaced."""
    if not parts:
        return value
    part, *inner = parts
    return part.write(tensor, _written(part.read(tensor), tuple(inner), value) if inner else value)


class Cell:
    """One tensor in Torch7's memory; `tensor` is its present value.

    A view of it has the same memory: what is written into the one, the other sees.
    """

    __slots__ = ("_memory", "_parts", "_seen", "_tensor", "frame")

    def __init__(
        self,
        tensor: KerasTensor,
        frame: Frame | None = None,
        memory: _Memory | None = None,
        parts: tuple[_Part, ...] = (),
    ) -> None:
        self.frame = frame or Frame()
        self._tensor = tensor
        self._memory = memory or _Memory(tensor)
        self._parts = parts
        self._seen = self._memory.writes

    @property
    def tensor(self) -> KerasTensor:
        """The present value, in Keras' order."""
        if self._seen != self._memory.writes:
            self._tensor = self._memory.read(self._parts)
            self._seen = self._memory.writes
        return self._tensor

    @tensor.setter
    def tensor(self, value: KerasTensor) -> None:
        self._tensor = value
        self._memory.write(self._parts, value)
        self._seen = self._memory.writes

    @property
    def rank(self) -> int:
        """How many dimensions Torch7 sees."""
        return len(self.tensor.shape) - self.frame.hidden

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """The sizes that Torch7 sees, None where they are free."""
        return source_shape(self.tensor.shape)[self.frame.hidden :]

    def source(self) -> KerasTensor:
        """Return the tensor in Torch7's order, with the hidden axis first where there is one."""
        return to_source_order(self.tensor)

    def source_axis(self, dimension: int) -> int:
        """Return the axis of `source()` that is Torch7's dimension, counted from 1 or from the end (negative)."""
        position = dimension - 1 if dimension > 0 else self.rank + dimension
        return self.frame.hidden + position

    def axis(self, dimension: int) -> int:
        """Return the axis of `tensor` that is Torch7's dimension, counted from 1 or from the end (negative)."""
        return keras_axis(self.source_axis(dimension), len(self.tensor.shape))

    def like(self, tensor: KerasTensor) -> Cell:
        """Return a new cell with a tensor in Keras' order."""
        return Cell(tensor, self.frame)

    def from_source(self, tensor: KerasTensor) -> Cell:
        """Return a new cell with a tensor in Torch7's order."""
        return Cell(from_source_order(tensor), self.frame)

    def view(self, tensor: KerasTensor) -> Cell:
        """Return a cell for the same elements with other sizes, in Torch7's order: a view of this one's memory."""
        view = from_source_order(tensor)
        return self._view(
            view,
            _Part(
                read=lambda whole: _with_sizes(to_source_order(whole), view),
                write=lambda whole, value: _with_sizes(to_source_order(value), whole),
            ),
        )

    def slice_at(self, dimension: int, index: int) -> Cell:
        """Return a view of slice `index` (from 0, or from the end) along Torch7's `dimension`."""
        axis = self.source_axis(dimension)

        def read(whole: KerasTensor) -> KerasTensor:
            return from_source_order(_at(to_source_order(whole), axis, index))

        def write(whole: KerasTensor, value: KerasTensor) -> KerasTensor:
            source = to_source_order(whole)
            pieces = [ops.expand_dims(to_source_order(value), axis)]
            if index != 0:
                pieces.insert(0, _at(source, axis, slice(None, index)))
            if index not in (-1, (source.shape[axis] or 0) - 1):
                pieces.append(_at(source, axis, slice(index + 1, None)))
            return from_source_order(ops.concatenate(pieces, axis=axis))

        return self._view(read(self.tensor), _Part(read, write))

    def _view(self, tensor: KerasTensor, part: _Part) -> Cell:
        return Cell(tensor, self.frame, self._memory, (*self._parts, part))

    def relaxed(self) -> Cell:
        """Return the same tensor as one whose batch modules may work along."""
        return Cell(self.tensor, Frame(self.frame.hidden), self._memory, self._parts)

    def keep_batch(self, dimension: int) -> None:
        """Declare that a module works along `dimension`.

        Raises:
            BatchConsumed: it is the batch, which must be kept.
        """
        position = dimension - 1 if dimension > 0 else self.rank + dimension
        if position == 0 and self.frame.keep_batch:
            raise BatchConsumed


def _with_sizes(source: KerasTensor, like: KerasTensor) -> KerasTensor:
    """Return the elements of `source`, in Torch7's order, with the sizes of `like`, both in Keras' order."""
    sizes = [-1 if size is None else size for size in source_shape(like.shape)]
    if sizes.count(-1) > 1:
        raise ArgumentError(
            "a module writes into a view of a tensor, of free sizes, that another module reads: give the sizes of the "
            "network's input as `input_shape`"
        )
    return from_source_order(ops.reshape(source, sizes))


Value = Union[Cell, "Slices", Sequence["Value"]]


def select(cell: Cell, dimension: int, index: int) -> Cell:
    """Return a copy of slice `index` (from 0, or from the end) along Torch7's `dimension`; it has one rank less."""
    return cell.from_source(_at(cell.source(), cell.source_axis(dimension), index))


def _at(source: KerasTensor, axis: int, index: int | slice) -> KerasTensor:
    return source[(slice(None),) * axis + (index,)]


@dataclass(eq=False, slots=True)
class Slices:
    """A table of all slices of a tensor along a dimension whose size is not known before the network runs."""

    cell: Cell
    dimension: int

    def item(self, index: int) -> Cell:
        """Return slice `index`, from 0 or from the end."""
        return self.cell.slice_at(self.dimension, index)


@dataclass(frozen=True)
class Samples:
    """A tensor as samples of a known rank: one leading axis for all that is batch, then the sample.

    `tensor` is in Keras' order; `rest` brings what a layer made of it back to the leading axes of the original.
    """

    tensor: KerasTensor
    cell: Cell
    leading: int

    def rest(self, result: KerasTensor) -> Cell:
        """Return the cell for `result`, which has the same single leading axis."""
        if self.leading == 1:
            return self.cell.like(result)
        source = to_source_order(result)
        if self.leading == 0:
            return self.cell.from_source(source[0])
        return self.cell.from_source(UnfoldAxes(self.leading)([source, self.cell.source()]))


def samples(cell: Cell, rank: int) -> Samples:
    """Return a tensor as samples of `rank` dimensions, whatever stands before them folded into one axis."""
    leading = len(cell.tensor.shape) - rank
    if leading == 1:
        return Samples(cell.tensor, cell, leading)
    source = cell.source()
    folded: Any = ops.expand_dims(source, 0) if leading == 0 else FoldAxes(leading)(source)
    return Samples(from_source_order(folded), cell, leading)
