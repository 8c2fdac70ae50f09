"""Visiting everything in a Torch7 file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convert.torch7.file.values import LuaTable, TorchObject, TorchTensor

Node = TorchObject | LuaTable | TorchTensor


def walk(value: Any) -> Iterator[Node]:
    """Yield every object, table and tensor that `value` leads to, each once, in no particular order."""
    seen: set[int] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        if id(item) in seen or not isinstance(item, Node):
            continue
        seen.add(id(item))
        yield item
        if isinstance(item, TorchObject):
            stack.extend(item.fields.values())
        elif isinstance(item, LuaTable):
            stack.extend(item.keys())
            stack.extend(item.values())
