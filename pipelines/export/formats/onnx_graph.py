"""Look-ups in an ONNX graph."""

from __future__ import annotations

from collections import defaultdict

import onnx


def takers_of(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """Return the nodes that take each tensor; an empty one stands for whoever runs the graph and takes its outputs."""
    takers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            takers[name].append(node)
    for value in graph.output:
        takers[value.name].append(onnx.NodeProto())
    return takers
