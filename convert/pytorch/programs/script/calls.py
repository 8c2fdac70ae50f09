"""Calls of a TorchScript program: torch.NAME and ops.LIBRARY.NAME, on tensors or on what is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convert.printable import printable
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.elementwise import check_constant
from convert.pytorch.programs.registry import call, known
from convert.pytorch.programs.script.builtins import (
    ANYTHING,
    PRIMITIVES,
    SIZE_KEEPERS,
    are_numbers,
    length,
    number_in,
)
from convert.pytorch.programs.script.functions import CONTAINERS, NUMBERS, of_containers, of_numbers, shown
from convert.pytorch.programs.script.objects import Device, Heap
from convert.pytorch.programs.script.packed import LIBRARY, run_packed
from convert.pytorch.programs.values import FreeSize, OperatorError, Value

MAX_OPERATORS = 20_000  # on tensors
MAX_NUMBERS = 1 << 31  # that operators on constants read and write

_Keywords = Mapping[str, Any]


@dataclass(frozen=True)
class Named:
    """A function or class of the program."""

    name: str


class Record(tuple):
    """A named tuple of the program; `names` are those of its fields."""

    names: Sequence[str]

    def __new__(cls, values: Sequence[Any], names: Sequence[str]) -> Record:
        """Return a tuple with names."""
        made = super().__new__(cls, values)
        made.names = names
        return made


def is_supported(path: Sequence[str]) -> bool:
    """Return whether "torch.NAME" or "ops.LIBRARY.NAME" is."""
    *library, name = path
    if library in (["torch"], ["ops", "aten"]):
        return known(name) or name in (*ANYTHING, *CONTAINERS, *NUMBERS, "len")
    return library == ["ops", LIBRARY] or (library == ["ops", "prim"] and name in (*PRIMITIVES, "RaiseException"))


class Operators:
    """Runs what a program calls, within bounds.

    Args:
        context: state of the conversion.
        heap: the objects of the archive.
    """

    def __init__(self, context: Context, heap: Heap) -> None:
        self._context = context
        self._heap = heap
        self._left = MAX_OPERATORS
        self._numbers_left = MAX_NUMBERS

    def call(self, path: Sequence[str], arguments: list[Any], keywords: _Keywords) -> Any:
        """Return what "torch.NAME" or "ops.LIBRARY.NAME" makes of its arguments.

        Raises:
            OperatorError: it is not supported, or cannot be used in this way.
        """
        if len(path) == 2 and path[0] == "torch":
            return self._torch(path[1], arguments, keywords)
        if len(path) != 3 or path[0] != "ops":
            raise OperatorError("an unknown function")
        library, name = path[1:]
        if library == "aten":
            return self._torch(name, arguments, keywords)
        if library == LIBRARY:
            return run_packed(self._context, self._heap, name, arguments)
        if library != "prim" or name not in (*PRIMITIVES, "RaiseException"):
            raise OperatorError("the operator is not supported")
        if name == "RaiseException":
            raise OperatorError(f"the program raises an error: {printable(shown((*arguments, '')[0]), 200)}")
        return _checked(PRIMITIVES[name], arguments, keywords)

    def _torch(self, name: str, arguments: list[Any], keywords: _Keywords) -> Any:
        first = arguments[0] if arguments else None
        if name in ANYTHING:
            return _checked(ANYTHING[name], arguments, keywords)
        if isinstance(first, (list, tuple, dict, str)) and name in CONTAINERS:
            return of_containers(name, arguments, keywords)
        if name == "len":
            return length(first)
        if isinstance(first, FreeSize) and name in SIZE_KEEPERS:
            return first
        if are_numbers(name, arguments):
            return of_numbers(name, [number_in(one) for one in arguments], keywords)
        return self._on_tensors(name, arguments, keywords)

    def _on_tensors(self, name: str, arguments: list[Any], keywords: _Keywords) -> Any:
        self._left -= 1
        if self._left < 0:
            raise OperatorError(f"more than {MAX_OPERATORS:,} operators")
        given = [_argument(one) for one in arguments]
        named = {key: _argument(one) for key, one in keywords.items()}
        self._spend([*given, *named.values()])
        made = call(self._context, name, given, named)
        for value in self._spend(list(made) if isinstance(made, (list, tuple)) else [made]):
            check_constant(value.tensor.shape)
        return made

    def _spend(self, values: Sequence[Any]) -> list[Value]:
        """Count the numbers of constants, and return these."""
        constants = [one for one in values if isinstance(one, Value) and one.is_constant]
        self._numbers_left -= sum(one.tensor.size for one in constants)
        if self._numbers_left < 0:
            raise OperatorError(f"computes with more than {MAX_NUMBERS:,} numbers of constants")
        return constants


def _checked(function: Any, arguments: Sequence[Any], keywords: _Keywords) -> Any:
    try:
        return function(*arguments, **keywords)
    except TypeError as error:
        raise OperatorError(f"other arguments than it takes: {printable(str(error))}") from error


def _argument(value: Any, is_inner: bool = False) -> Any:
    """Return an argument as operators take it.

    Raises:
        OperatorError: it is something else than a tensor, a number, a text, or a list of them.
    """
    if isinstance(value, Device):
        return None
    if isinstance(value, (list, tuple)) and not is_inner:
        return [_argument(one, True) for one in value]
    if not isinstance(value, (Value, FreeSize, bool, int, float, str, type(None))):
        raise OperatorError("an argument that is neither a tensor nor a number, nor a list of them")
    return value
