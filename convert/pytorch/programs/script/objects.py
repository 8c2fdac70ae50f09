"""The objects of a TorchScript archive: modules with their attributes, lists, tensors. None of them has code."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convert.pytorch.programs.values import Value
from convert.pytorch.tensors import FormatError, Tensor
from convert.pytorch.unpickler import Name, Unpickler, Unread

PROGRAM_NAMES = "__torch__"  # what the names of a program's own classes and functions begin with

_LISTS = ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist")
_LISTED, _TAGGED = Name("list of numbers"), Name("with its type")


@dataclass(frozen=True)
class ScriptType(Name):
    """A class of the program."""


@dataclass(frozen=True)
class Device:
    """Where a tensor is, which says nothing here."""


@dataclass(eq=False)
class ScriptObject:
    """An object of a class of the program.

    Attributes:
        kind: full name of the class.
        attributes: by their names.
        state: what the object was made of, where that is no dict of attributes.
    """

    kind: str
    attributes: dict[str, Any] = field(default_factory=dict)
    state: Any = None


class ScriptUnpickler(Unpickler):
    """Reads a pickle of TorchScript: an object of a class of the program becomes a ScriptObject."""

    def _name(self, module: str, name: str) -> None:
        if module.split(".")[0] == PROGRAM_NAMES:
            self._push(ScriptType(f"{module}.{name}"))
        elif module == "torch.jit._pickle" and name in _LISTS:
            self._push(_LISTED)
        elif module == "torch.jit._pickle" and name == "restore_type_tag":
            self._push(_TAGGED)
        else:
            super()._name(module, name)

    def _called(self, called: Any, arguments: Any, known: Collection[str]) -> Any:
        if isinstance(called, ScriptType) and isinstance(arguments, tuple):
            return ScriptObject(called.name, {"value": arguments[0]} if arguments else {})
        if called is _LISTED or called is _TAGGED:
            if not isinstance(arguments, tuple) or not arguments:
                raise FormatError("a call without arguments")
            return arguments[0]
        return super()._called(called, arguments, known)

    def _set_state(self, value: Any, state: Any) -> None:
        if not isinstance(value, ScriptObject):
            super()._set_state(value, state)
        elif isinstance(state, dict):
            value.attributes.update((name, one) for name, one in state.items() if isinstance(name, str))
        else:
            value.state = state


@dataclass(frozen=True)
class NamedTensor:
    """A tensor of a module: its name as in a state dict, and the class that it is an attribute of."""

    name: str
    tensor: Tensor
    kind: str


def named_tensors(root: ScriptObject) -> Iterator[NamedTensor]:
    """Yield the tensors of a module and of those within it, in their order."""
    seen: set[int] = set()
    waiting = [("", root)]
    while waiting:
        prefix, current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        inner = []
        packed = current.state if isinstance(current.state, tuple) else ()
        for name, value in (*current.attributes.items(), *zip(("weight", "bias"), packed, strict=False)):
            if isinstance(value, Tensor):
                yield NamedTensor(prefix + name, value, current.kind)
            elif isinstance(value, ScriptObject):
                inner.append((f"{prefix}{name}.", value))
        waiting.extend(reversed(inner))


def identity(tensor: Tensor) -> tuple:
    """Return what two tensors have in common that are one in PyTorch."""
    return id(tensor.storage), tensor.offset, tensor.shape, tensor.strides


class Heap:
    """The objects of an archive during one run of its program, which may change them; the archive's stay as they are.

    Args:
        names: of tensors, by what `identity` returns.
    """

    def __init__(self, names: Mapping[tuple, str]) -> None:
        self._names = names
        self._tensors: dict[tuple, Value] = {}
        self._containers: dict[int, Any] = {}
        self._changed: dict[tuple[int, str], Any] = {}

    def value(self, stored: Any) -> Any:
        """Return the value of something in the archive."""
        if isinstance(stored, Tensor):
            return self._tensor(stored)
        if isinstance(stored, tuple):
            return tuple(map(self.value, stored))
        if isinstance(stored, (list, dict)):
            return self._container(stored)
        return Device() if isinstance(stored, Unread) else stored

    def _container(self, stored: list | dict) -> Any:
        if id(stored) not in self._containers:
            made: Any = [] if isinstance(stored, list) else {}
            self._containers[id(stored)] = made
            if isinstance(stored, list):
                made.extend(map(self.value, stored))
            else:
                made.update((key, self.value(one)) for key, one in stored.items())
        return self._containers[id(stored)]

    def _tensor(self, stored: Tensor) -> Value:
        key = identity(stored)
        if key not in self._tensors:
            array = stored.array()
            if array.dtype in (np.float16, np.float64) and array.ndim:
                array = array.astype(np.float32)
            self._tensors[key] = Value(array, self._names.get(key, ""))
        return self._tensors[key]

    def has(self, owner: ScriptObject, name: str) -> bool:
        """Return whether an object has an attribute."""
        return (id(owner), name) in self._changed or name in owner.attributes

    def attribute(self, owner: ScriptObject, name: str) -> Any:
        """Return an attribute of an object, which must have it."""
        key = id(owner), name
        return self._changed[key] if key in self._changed else self.value(owner.attributes[name])

    def change(self, owner: ScriptObject, name: str, value: Any) -> None:
        """Give an attribute another value."""
        self._changed[id(owner), name] = value
