"""The values of a program: tensors, constants or of the network, and sizes that stay free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import KerasTensor, ops

from convert.axes import from_source_order, source_shape, to_source_order
from errors import UserError


class OperatorError(UserError):
    """What an operator cannot do, without its place, which whoever walks over the program adds."""


class BatchNeeded(OperatorError):
    """An operator needs the number of pictures in a batch, which the network leaves free."""


class _Memory:
    """What a tensor and its views have in common: how often one of them was written."""

    __slots__ = ("writes",)

    def __init__(self) -> None:
        self.writes = 0


class _Part:
    """What a view is of another tensor: made `again` of it, and put `back` into it."""

    __slots__ = ("again", "back", "whole")

    def __init__(self, whole: Value, again: Callable[[Value], Value], back: Callable[[Value, Value], Value]) -> None:
        self.whole = whole
        self.again = again
        self.back = back


class Value:
    """A tensor of a program.

    A constant is an array in PyTorch's order of axes. A tensor that depends on the inputs is a Keras tensor, channels
    last where it has four or five axes.

    Args:
        tensor: present value; anything but a Keras tensor is a constant.
        name: of a parameter or buffer in PyTorch.
        memory: of the tensor that this one is a view of.
    """

    __slots__ = ("_memory", "_part", "_seen", "_tensor", "name")

    def __init__(self, tensor: Any, name: str = "", memory: _Memory | None = None) -> None:
        self._tensor = tensor if isinstance(tensor, (KerasTensor, np.ndarray)) else ops.convert_to_numpy(tensor)
        self._memory = memory or _Memory()
        self._part: _Part | None = None
        self._seen = self._memory.writes
        self.name = name

    @classmethod
    def from_source(cls, tensor: Any) -> Value:
        """Return a value of a tensor in PyTorch's order."""
        return cls(from_source_order(tensor) if isinstance(tensor, KerasTensor) else tensor)

    @classmethod
    def from_channels_last(cls, tensor: KerasTensor) -> Value:
        """Return a value of lines, pictures or volumes as Keras' layers make them."""
        return cls(ops.transpose(tensor, (0, 2, 1)) if len(tensor.shape) == 3 else tensor)

    @property
    def tensor(self) -> Any:
        """The present value: an array in PyTorch's order, or a Keras tensor in Keras' order.

        Raises:
            OperatorError: another view of the same tensor was written.
        """
        if self._seen != self._memory.writes:
            if self._part is None:
                raise OperatorError(
                    "reads a tensor after a view of it was changed in place, which is not supported: export the "
                    "network without that change"
                )
            self._tensor = self._part.again(self._part.whole).tensor
            self._seen = self._memory.writes
        return self._tensor

    @property
    def sized(self) -> Any:
        """A tensor that has its sizes, whose numbers may be older ones."""
        return self._tensor

    @property
    def is_constant(self) -> bool:
        """Whether it does not depend on the inputs."""
        return not isinstance(self._tensor, KerasTensor)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The sizes in PyTorch's order, None where they are free."""
        shape = tuple(self._tensor.shape)
        return shape if self.is_constant else source_shape(shape)

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self._tensor.shape)

    @property
    def dtype(self) -> str:
        """The type of the numbers, by Keras' name."""
        return str(self._tensor.dtype)

    def source(self) -> Any:
        """Return the tensor in PyTorch's order."""
        return self.tensor if self.is_constant else to_source_order(self.tensor)

    def axis(self, dim: int) -> int:
        """Return PyTorch's axis `dim`, which may count from the end, as one from 0 on.

        Raises:
            OperatorError: there is none.
        """
        if not -self.rank <= dim < max(1, self.rank):
            raise OperatorError(f"axis {dim} of a tensor of {self.rank} axes")
        return dim % max(1, self.rank)

    def alias(self, tensor: Any) -> Value:
        """Return a value for a tensor that has the same memory in PyTorch; `tensor` is as the attribute has it."""
        result = Value(tensor, self.name if tensor is self._tensor else "", self._memory)
        result._seen = self._seen
        return result

    def view(self, tensor: Any) -> Value:
        """Return a value for a tensor that has the same memory in PyTorch, given in PyTorch's order."""
        return self.alias(from_source_order(tensor) if isinstance(tensor, KerasTensor) else tensor)

    def make_part(self, whole: Value, again: Callable[[Value], Value], back: Callable[[Value, Value], Value]) -> None:
        """Say what this view is of another tensor.

        Args:
            whole: the other tensor, whose memory this one has.
            again: makes this tensor of the other.
            back: returns the other with a tensor in the place of this one.
        """
        self._part = _Part(whole, again, back)

    def write(self, value: Value) -> Value:
        """Take the tensor of another value in place of the present one, in the tensors that this is a view of too."""
        if self.is_constant and value.is_constant and self.tensor.flags.writeable:
            self._tensor[...] = value.tensor
            return self
        changed, made = [(self, value.tensor)], value
        while (part := changed[-1][0]._part) is not None:
            made = part.back(part.whole, made)
            changed.append((part.whole, made.tensor))
        self._memory.writes += 1
        for one, tensor in changed:
            one._tensor, one._seen = tensor, self._memory.writes
        return self


def constant_of(value: Value) -> np.ndarray:
    """Return the array of weights, in PyTorch's order.

    Raises:
        OperatorError: they depend on the inputs.
    """
    if not value.is_constant:
        raise OperatorError("needs constant weights: they depend on the input here")
    return value.tensor


class FreeSize:
    """A size that is known only when the network runs, or a number that is computed from one.

    Args:
        value: tensor whose size it is; None: it is computed from one.
        dim: its axis, from 0 on.
        formula: what the file says that it is, "" where it says nothing.
        parts: how it is computed: the name of an operation of `layers.size_formulas`, or "truediv", and its operands.
    """

    __slots__ = ("dim", "formula", "parts", "value")

    def __init__(
        self, value: Value | None = None, dim: int = 0, formula: str = "", parts: tuple[Any, ...] = ()
    ) -> None:
        self.value = value
        self.dim = dim
        self.formula = formula
        self.parts = parts

    def __repr__(self) -> str:
        return "a free size"


def whole(number: Any) -> int:
    """Return a number of a program that must be known.

    Raises:
        OperatorError: it depends on a size that is free, or is none.
    """
    if isinstance(number, FreeSize) and number.value is not None and number.dim == 0:
        raise BatchNeeded("needs the size of the batch")
    if isinstance(number, FreeSize):
        raise OperatorError("needs a number that depends on the size of the input: give the size as `input_shape`")
    if isinstance(number, Value):
        if not number.is_constant or number.tensor.size != 1:
            raise OperatorError("needs a number, and gets a tensor that depends on the input")
        number = number.tensor.item()
    if isinstance(number, bool) or not isinstance(number, (int, float, np.integer)) or number != int(number):
        raise OperatorError(f"needs a whole number, not {number!r:.40}")
    return int(number)


def wholes(numbers: Any, count: int | None = None) -> tuple[int, ...]:
    """Return numbers of a program that must be known; a single one, or a list of one, stands for `count`."""
    found = tuple(map(whole, numbers)) if isinstance(numbers, (list, tuple)) else (whole(numbers),)
    if count is not None and len(found) == 1:
        found *= count
    if count is not None and len(found) != count:
        raise OperatorError(f"needs {count} numbers, not {len(found)}")
    return found
