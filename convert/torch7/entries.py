"""Selecting one of the networks in a file, which may hold several in nested tables, or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convert.torch7.file.values import LuaTable, TorchObject, TorchTensor
from convert.torch7.module import Module
from convert.torch7.registry import CONVERTERS
from errors import ArgumentError, UserError

MAX_SHOWN = 20  # entries in a message
MAX_DEPTH = 8
MAX_VISITED = 10_000

# What files hold beside networks; none of them is a module.
_NO_MODULES = ("nngraph.", "graph.", "torch.", "tds.")


def find_network(value: Any, entry: str | None = None) -> Module:
    """Return the module that a file holds: at the top, under `entry`, or under `model` in the table of a checkpoint.

    Where neither is there, a single network anywhere in the tables is the one.

    Raises:
        UserError: the file holds none.
        ArgumentError: it holds several, or an object of a class of its own with some, and none was requested, or not
            the one that was.
    """
    if entry is not None:
        return _at_entry(value, entry)
    if is_module(value):
        return _whole(value, "")
    if isinstance(value, LuaTable) and is_module(value.get("model")):
        return _whole(value["model"], "model")
    networks = dict(_networks(value))
    if len(networks) == 1:
        ((path, network),) = networks.items()
        return Module(network, path)
    if networks:
        raise ArgumentError(f"the file contains several networks; select one with `entry`: {_listed(networks)}")
    raise UserError(_contents(value))


def _whole(source: TorchObject, path: str) -> Module:
    """Return a module, unless it is of a project's own class that holds networks in its fields."""
    if source.type_name not in CONVERTERS:
        fields = {name: value for name, value in source.fields.items() if name != "modules"}
        inside = {f"{path}.{key}".lstrip("."): item for key, item in _networks(LuaTable(fields))}
        if known := {key: item for key, item in inside.items() if item.type_name in CONVERTERS}:
            raise ArgumentError(
                f"the file contains a {source.type_name}, which cannot be converted as a whole; it holds networks, of "
                f"which one can be selected with `entry`: {_listed(known)}"
            )
    return Module(source, path)


def is_module(value: Any) -> bool:
    """Return whether a value of a file is a module of a network; a criterion, which a training minimises, is none."""
    if not isinstance(value, TorchObject) or value.type_name.startswith(_NO_MODULES):
        return False
    return not value.type_name.endswith("Criterion")


def _at_entry(value: Any, entry: str) -> Module:
    """Return the network to which the keys of `entry` lead."""
    found = value
    for key in entry.split("."):
        found = _item(found, key)
    if not is_module(found):
        networks = dict(_networks(value))
        known = f"there are networks at: {_listed(networks)}" if networks else _contents(value)
        raise ArgumentError(f"`entry` {entry} does not lead to a network; {known}")
    return Module(found, entry)


def _item(value: Any, key: str) -> Any:
    """Return the entry of a table, or the field of an object, by a key that may be a number."""
    table = value.fields if isinstance(value, TorchObject) else value
    if not isinstance(table, LuaTable):
        return None
    if key in table:
        return table[key]
    return table.get(int(key)) if key.isascii() and key.isdigit() and len(key) < 10 else None


def _networks(value: Any) -> Iterator[tuple[str, TorchObject]]:
    """Yield the paths of networks in tables of tables, and the networks."""
    for path, item in _entries(value):
        if is_module(item):
            yield path, item


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield paths and values of what tables hold, in order, without what modules hold."""
    stack: list[tuple[str, Any, int]] = [("", value, 0)]
    for _ in range(MAX_VISITED):
        if not stack:
            return
        path, item, depth = stack.pop()
        if isinstance(item, LuaTable) and depth < MAX_DEPTH:
            inside = [(f"{path}.{key}".lstrip("."), part, depth + 1) for key, part in item.items()]
            stack.extend(
                reversed([part for part in inside if isinstance(part[1], LuaTable | TorchObject | TorchTensor)])
            )
        elif not isinstance(item, LuaTable):
            yield path, item


def _listed(networks: dict[str, TorchObject]) -> str:
    shown = [f"{path} ({network.type_name})" for path, network in list(networks.items())[:MAX_SHOWN]]
    return ", ".join([*shown, "..."] if len(networks) > MAX_SHOWN else shown)


def _contents(value: Any) -> str:
    """Return what a file without a network holds."""
    tensors = [(path, item) for path, item in _entries(value) if isinstance(item, TorchTensor)]
    if not tensors and isinstance(value, LuaTable):
        keys = ", ".join(str(key) for key in list(value)[:MAX_SHOWN])
        return f"the file contains a table without the entry 'model' or a network elsewhere, only: {keys or 'nothing'}"
    if not tensors:
        return f"the file holds {value!r:.80} where a network module is expected"
    shown = [f"{path or 'the tensor'} {'x'.join(map(str, tensor.size)) or 'empty'}" for path, tensor in tensors]
    more = ", ..." if len(shown) > MAX_SHOWN else ""
    return f"the file contains tensors but no network: {', '.join(shown[:MAX_SHOWN])}{more}"
