"""The values in a Torch7 file, as Python objects.

| in the file | in Python |
| --- | --- |
| nil | None |
| number | int where it is whole and below 2^53, else float |
| string | str: UTF-8; bytes that are not UTF-8 become backslash escapes, so that all can be printed |
| boolean | bool |
| table, or one of torch/tds (tds.Hash, tds.Vec) | LuaTable |
| function | LuaFunction: its code is skipped, never run |
| tensor | TorchTensor |
| storage | TorchStorage |
| object of any other class | TorchObject |

Something the file refers to twice is one Python object. Tables, objects, tensors and storages are equal only
to themselves, as in Lua, and can be keys of tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


class LuaTable(dict):
    """A Lua table, in the order of the file; equal only to itself.

    Python takes the keys 1 and true for the same, so that the reader refuses a table with both.
    """

    __slots__ = ()
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __repr__(self) -> str:
        return f"<LuaTable with {len(self)} entries>"

    def sequence(self) -> list[Any]:
        """Return the values at the keys 1, 2, ... up to the first that is missing."""
        values: list[Any] = []
        while len(values) + 1 in self:
            values.append(self[len(values) + 1])
        return values


@dataclass(eq=False, slots=True, repr=False)
class TorchObject:
    """An object of a Torch class that is neither tensor nor storage: a module, a graph, a node.

    `version` is the class version in the file, 0 in files written before there were versions.
    """

    type_name: str
    fields: LuaTable = field(default_factory=LuaTable)
    version: int = 1

    def get(self, name: str, default: Any = None) -> Any:
        """Return the field `name`, or `default` where the object has no such field."""
        return self.fields.get(name, default)

    def __repr__(self) -> str:
        return f"<{self.type_name} with {len(self.fields)} fields>"


@dataclass(eq=False, slots=True, repr=False)
class TorchStorage:
    """The numbers behind one or more tensors; `array` is one-dimensional and read-only."""

    type_name: str
    array: np.ndarray

    def __repr__(self) -> str:
        return f"<{self.type_name} of {self.array.size} elements>"


@dataclass(eq=False, slots=True, repr=False)
class TorchTensor:
    """A tensor: a view on a storage.

    Attributes:
        type_name: such as `torch.FloatTensor` or `torch.CudaTensor`.
        array: read-only NumPy view on the storage with the sizes of the file and the type of the storage
            (half is float16, double float64). A tensor without elements, or whose storage was released
            before saving, has an array of shape (0,).
        storage: the storage; two tensors share their numbers when this is the same object. None where there
            is none.
        offset: place in the storage of the first element, from 0.
        size: sizes in the file, () for an empty tensor.
        stride: distance in the storage between neighbours along each dimension, in elements.
    """

    type_name: str
    array: np.ndarray
    storage: TorchStorage | None = None
    offset: int = 0
    size: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"<{self.type_name} of size {'x'.join(map(str, self.size)) or 'empty'}>"


@dataclass(eq=False, slots=True, repr=False)
class LuaFunction:
    """A Lua closure whose `code_size` bytes of code were skipped; `upvalues` is what it captured."""

    code_size: int
    upvalues: Any = None

    def __repr__(self) -> str:
        return f"<Lua function, {self.code_size} bytes of code>"
