"""Requirements that the first modules of a network have of its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convert.torch7.file.values import LuaTable, TorchObject
from convert.torch7.graph_nodes import MAX_INPUTS, input_count, input_index, map_index, node_children, node_data
from convert.torch7.inputs.rules import (
    IN_TURN,
    MAX_RANK,
    POINTWISE,
    RANKS,
    RULES,
    SIDE_BY_SIDE,
    Need,
    Shape,
    Table,
    short_name,
)
from convert.torch7.module import Module
from errors import UserError

MAX_DEPTH = 100
MAX_VISITS = 5_000  # modules and nodes; a small file may stand for endless ones, since they can be shared


@dataclass(frozen=True)
class Finding:
    """What is known of an input; `goes_on` says that the next module sees the same dimensions."""

    need: Need = None
    goes_on: bool = False


def needed_input(root: Module) -> Need:
    """Return what the first modules of a network need, None where they take anything."""
    return _Search().find(root).need


def viewed_sizes(root: Module) -> Shape | None:
    """Return the sizes, with the batch, that a network's first module gives its input, None if it is no view.

    Such a network takes whatever has as many elements, an input of these sizes too.
    """
    module: Module | None = root
    for _ in range(MAX_DEPTH):
        if module is None or short_name(module) not in IN_TURN:
            break
        module = next((child for child in _children(module) if short_name(child) not in POINTWISE), None)
    if module is None or short_name(module) not in ("View", "Reshape") or module.get("batchMode") is False:
        return None
    try:
        sizes = module.sizes("size")
        rank = module.integer("numInputDims", len(sizes))
    except UserError:
        return None
    if len(sizes) == 4 and sizes[0] == 1:  # names the batch itself
        sizes, rank = sizes[1:], rank - 1
    return (None, *sizes) if min(sizes, default=0) > 0 and rank == len(sizes) < MAX_RANK else None


class _Search:
    """Looks at modules, and in graphs at nodes, up to a number of them."""

    def __init__(self) -> None:
        self._left = MAX_VISITS

    def _may_go_on(self, depth: int) -> bool:
        self._left -= 1
        return depth <= MAX_DEPTH and self._left >= 0

    def find(self, module: Module, depth: int = 0) -> Finding:
        """Return what is known of a module's input."""
        name = short_name(module)
        if not self._may_go_on(depth):
            return Finding()
        if name in POINTWISE:
            return self._in_turn(_children(module), depth)
        if name in RANKS:
            return Finding((None,) * RANKS[name], goes_on=True)
        if name in RULES:
            return Finding(_by_rule(module, name))
        return self._in_container(module, name, depth)

    def _in_container(self, module: Module, name: str, depth: int) -> Finding:
        if name in IN_TURN:
            return self._in_turn(_children(module), depth)
        if name in SIDE_BY_SIDE:
            return Finding(_merged([self.find(child, depth + 1).need for child in _children(module)]))
        if name in ("ParallelTable", "GPUParallelTable"):
            return Finding(Table(tuple(self.find(child, depth + 1).need for child in _children(module))))
        if name in ("DeepMask", "SharpMask") and isinstance(module.get("trunk"), TorchObject):
            return self.find(module.child(module.get("trunk"), "trunk"), depth + 1)
        if name == "gModule":
            return Finding(self._of_graph(module, depth))
        return Finding()

    def _in_turn(self, children: list[Module], depth: int) -> Finding:
        """Return what the first modules of a chain need: the rank from the first that knows it, then the channels."""
        need: Need = None
        for child in children:
            found = self.find(child, depth + 1)
            need = _merged([need, found.need]) if need is None or isinstance(found.need, tuple) else need
            if not found.goes_on:
                return Finding(need)
        return Finding(need, goes_on=True)

    def _of_graph(self, module: Module, depth: int) -> Need:
        """Return what the nodes that get the inputs of a graph need."""
        count, children = input_count(module), node_children(module.get("innode"))
        if count == 1:
            return _merged([self._of_node(module, node, depth) for node in children])
        return self._of_parts(module, count, [(input_index(module, node_data(node)), node) for node in children], depth)

    def _of_parts(self, module: Module, count: int, nodes: list[tuple[Any, Any]], depth: int) -> Table:
        """Return the table of `count` elements that nodes get, each the one at its index (from 1)."""
        needs: list[Need] = [None] * count
        for index, node in nodes:
            if isinstance(index, int) and 1 <= index <= count:
                needs[index - 1] = _merged([needs[index - 1], self._of_node(module, node, depth + 1)])
        return Table(tuple(needs))

    def _of_node(self, module: Module, node: Any, depth: int) -> Need:
        """Return what a node needs of its parent's output."""
        data, children = node_data(node), node_children(node)
        if not self._may_go_on(depth) or len(map_index(data).sequence()) > 1:
            return None
        if isinstance(data.get("nSplitOutputs"), int):
            count = min(data["nSplitOutputs"], MAX_INPUTS)
            return self._of_parts(
                module, count, [(node_data(child).get("selectindex"), child) for child in children], depth
            )
        inner = data.get("module")
        found = (
            self.find(module.child(inner, "node"), depth + 1)
            if isinstance(inner, TorchObject)
            else Finding(goes_on=True)
        )
        if found.need is not None or not found.goes_on:
            return found.need
        return _merged([self._of_node(module, child, depth + 1) for child in children])


def _by_rule(module: Module, name: str) -> Need:
    """Return what a rule says, None where the file lacks what it wants: the converter will tell."""
    try:
        return RULES[name](module)
    except (UserError, ValueError, LookupError):
        return None


def _children(module: Module) -> list[Module]:
    return module.children() if isinstance(module.get("modules"), LuaTable) else []


def _merged(needs: list[Need]) -> Need:
    """Return the first need, with sizes that it leaves free from others of its rank."""
    first = next((need for need in needs if need is not None), None)
    if not isinstance(first, tuple):
        return first
    for other in needs:
        if isinstance(other, tuple) and len(other) == len(first):
            first = tuple(a if a is not None else b for a, b in zip(first, other, strict=True))
    return first
