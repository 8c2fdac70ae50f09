"""The nodes of an nn.gModule: data, children, and where a graph takes its inputs."""

from __future__ import annotations

from typing import Any

from convert.torch7.file.values import LuaTable, TorchObject
from convert.torch7.module import Module

MAX_INPUTS = 10_000


def node_data(node: Any) -> LuaTable:
    """Return the `data` of a node, empty where it has none."""
    return _table(node.get("data")) if isinstance(node, TorchObject) else LuaTable()


def node_children(node: Any) -> list[Any]:
    """Return the nodes that get the output of a node."""
    return _table(node.get("children")).sequence() if isinstance(node, TorchObject) else []


def map_index(data: LuaTable) -> LuaTable:
    """Return the numbers of a node's parents by their data; in an old graph's first node, those of its children."""
    return _table(data.get("mapindex"))


def input_count(module: Module) -> int:
    """Return how many inputs a graph takes; files of 2014 tell by the list of children in its first node."""
    listed = len(map_index(node_data(module.get("innode"))).sequence())
    return module.integer("nInputs", max(1, listed), low=1, high=MAX_INPUTS)


def input_index(module: Module, child: LuaTable) -> int | None:
    """Return which of several inputs a child of the first node gets: from its own data, in old files from the node's.

    Args:
        module: the graph.
        child: data of the child.
    """
    index = child.get("selectindex", map_index(node_data(module.get("innode"))).get(child))
    return index if isinstance(index, int) else None


def _table(value: Any) -> LuaTable:
    return value if isinstance(value, LuaTable) else LuaTable()
