"""nngraph's gModule: a directed graph of modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convert.torch7.file.values import LuaTable, TorchObject
from convert.torch7.graph_nodes import input_count, input_index
from convert.torch7.registry import converts_values
from convert.torch7.symbolic_values import Value

if TYPE_CHECKING:
    from convert.torch7.context import Context
    from convert.torch7.module import Module


@converts_values("nn.gModule")
def graph_module(module: Module, value: Value, context: Context) -> Value:
    """The nodes in the order of `forwardnodes`, each passing its output on to its children.

    A node is known by its `data` table, which the forward and the backward graph share. A child's data.mapindex says
    at which of its inputs a parent's output arrives.
    """
    first = _data(module, module.get("innode"))
    inputs: dict[Any, dict[int, Value]] = {first: _starting_inputs(module, value)}
    for i, node in enumerate(_table(module, module.get("forwardnodes")).sequence()):
        data = _data(module, node)
        output = _node_output(module, context, data, inputs.get(data, {}), i)
        for child in _table(module, node.get("children")).sequence():
            child_data = _data(module, child)
            index = _table(module, child_data.get("mapindex")).get(data)
            if not isinstance(index, int):
                raise module.fail(f"forwardnodes[{i}]: a child does not refer back to this node")
            sent = _old_input(module, child_data, output) if data is first else output
            inputs.setdefault(child_data, {})[index] = sent
    return _one_or_all(inputs.get(_data(module, module.get("outnode")), {}))


def _starting_inputs(module: Module, value: Value) -> dict[int, Value]:
    """Return the inputs of the node `innode`: one value, or the elements of a table for a graph of several inputs."""
    count = input_count(module)
    if count == 1:
        return {1: value}
    return dict(enumerate(module.first_items(value, count), start=1))


def _old_input(module: Module, child: LuaTable, value: Value) -> Value:
    """Return what a child of the first node gets: in files of 2014 its own of several inputs, later all of them."""
    if input_count(module) == 1 or "selectindex" in child:
        return value
    index = input_index(module, child)
    return value if index is None else module.item(value, index)


def _node_output(module: Module, context: Context, data: LuaTable, inputs: dict[int, Value], i: int) -> Value:
    if not inputs:
        raise module.fail(f"forwardnodes[{i}]: a node without input")
    value = _one_or_all(inputs)
    if "selectindex" in data:
        return module.item(value, int(data["selectindex"]))
    if data.get("module") is None:
        return value
    return context.convert(module.child(data["module"], f"forwardnodes[{i}].module"), value)


def _one_or_all(inputs: dict[int, Value]) -> Value:
    """Return a single input as it is, several as a table."""
    values = [inputs[index] for index in sorted(inputs)]
    return values[0] if len(values) == 1 else values


def _data(module: Module, node: Any) -> LuaTable:
    if not isinstance(node, TorchObject):
        raise module.fail(f"{node!r} stands where a node is expected")
    return _table(module, node.get("data"))


def _table(module: Module, value: Any) -> LuaTable:
    if not isinstance(value, LuaTable):
        raise module.fail(f"{value!r} stands where a table is expected")
    return value
