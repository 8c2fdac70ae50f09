"""Graphs of nngraph whose inputs are tables, or that were written in 2014, against PyTorch and NumPy."""

import keras
import numpy as np
import pytest
from support.torch7_writer import module, table

from convert.torch7.builder import BuildOptions
from convert.torch7.file.values import LuaTable, TorchObject
from convert.torch7.inputs.shapes import plan_inputs
from convert.torch7.module import Module
from convert.torch7.network import convert_network
from errors import ArgumentError

pytestmark = pytest.mark.backends


class Node:
    """A node of nngraph after its `parents`; further fields are those of its data."""

    def __init__(self, type_name=None, parents=(), **data):
        self.data = LuaTable({"mapindex": LuaTable(), **data})
        if type_name is not None:
            self.data["module"] = module(type_name)
        self.children = LuaTable()
        self.source = TorchObject("nngraph.Node", LuaTable({"data": self.data, "children": self.children}))
        for parent in parents:
            self.add(parent)

    def add(self, parent):
        _append(self.data["mapindex"], parent.data)
        _append(parent.children, self.source)

    def split(self, count):
        """Return nodes for the elements of this one's output, and the node between."""
        between = Node(parents=[self], nSplitOutputs=count)
        return [Node(parents=[between], selectindex=i + 1) for i in range(count)], between


def _append(listed, value):
    place = len(listed.sequence()) + 1
    listed[place] = value
    listed[value] = place


def graph(inputs, outputs, between, *, of_2014=False):
    """Return the nn.gModule; `between` are all nodes but the first and last, in running order."""
    first, selected = Node(), []
    for i, node in enumerate(inputs, start=1):
        if of_2014:
            node.add(first)
            _append(first.data["mapindex"], node.data)
        elif len(inputs) == 1:
            node.add(first)
        else:
            selected.append(Node(parents=[first], selectindex=i))
            node.add(selected[-1])
    last = Node(parents=outputs)
    count = {} if of_2014 else {"nInputs": len(inputs)}
    nodes = [first, *selected, *between, last]
    return module(
        "nn.gModule",
        innode=first.source,
        outnode=last.source,
        forwardnodes=table(*(node.source for node in nodes)),
        **count,
    )


def run(network, shapes, arrays):
    made = convert_network(network, BuildOptions(tuple(shapes), batch=True)).model(arrays)
    return [keras.ops.convert_to_numpy(y) for y in (made if isinstance(made, list) else [made])]


def numbers(count):
    return list(np.random.default_rng(3).normal(size=(count, 2, 5)).astype(np.float32))


def state_graph():
    """Return a graph of x and {c, {h, k}} that gives x - c and h * k."""
    x, state = Node("nn.Identity"), Node("nn.Identity")
    (c, inner), first = state.split(2)
    (h, k), second = inner.split(2)
    difference, product = Node("nn.CSubTable", [x, c]), Node("nn.CMulTable", [h, k])
    between = [x, state, first, c, inner, second, h, k, difference, product]
    return graph([x, state], [difference, product], between)


def test_an_input_that_is_split_is_a_table():
    x, c, h, k = numbers(4)
    found = run(state_graph(), [(None, 5)] * 4, [x, c, h, k])
    np.testing.assert_allclose(found, [x - c, h * k], rtol=1e-5)


def test_tensors_in_tables_are_counted():
    with pytest.raises(ArgumentError, match="given 5 times, for a network of 4 inputs"):
        plan_inputs(Module(state_graph(), ""), [(None, 5)] * 5)


def test_a_graph_of_2014_tells_its_inputs_by_the_children_of_its_first_node():
    x, y = Node("nn.Tanh"), Node("nn.Square")
    difference = Node("nn.CSubTable", [y, x])
    network = graph([x, y], [difference], [x, y, difference], of_2014=True)
    a, b = numbers(2)
    np.testing.assert_allclose(run(network, [(None, 5)] * 2, [a, b])[0], b**2 - np.tanh(a), rtol=1e-4, atol=1e-5)


def test_a_graph_of_2014_with_one_input():
    x = Node("nn.Tanh")
    y = Node("nn.Square", [x])
    (a,) = numbers(1)
    found = run(graph([x], [x, y], [x, y], of_2014=True), [(None, 5)], a)
    np.testing.assert_allclose(found, [np.tanh(a), np.tanh(a) ** 2], rtol=1e-4, atol=1e-5)


def test_a_table_that_comes_first_leaves_a_tensor_to_the_next():
    network = module("nn.ParallelTable", modules=table(module("nn.CAddTable"), module("nn.Tanh")))
    a, b, c, d = numbers(4)
    found = run(network, [(None, 5)] * 4, [a, b, c, d])
    np.testing.assert_allclose(found, [a + b + c, np.tanh(d)], rtol=1e-4, atol=1e-5)
