"""Convolutions of an ONNX graph in 8 bits, where what they take and what they give is rounded to 256 steps."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import onnx
from onnx import helper, numpy_helper

# Rounding before these operators is rounding after them: they only move values, or end them at 0, where the 256 steps
# after them begin too.
TRANSPARENT = ("DepthToSpace", "Slice", "Transpose", "Identity", "Relu")
# Kernels have 7 of the 8 bits: processors without instructions for products of bytes add two of them in 16 bits, which
# 255 x 127 twice would exceed (see "Quantize ONNX Models" in ONNX Runtime's documentation).
MAX_WEIGHT = 63
# Biases have 32 bits, in the steps of a filter's products.
MAX_BIAS = 2**30


def quantize_convolutions(graph: onnx.GraphProto) -> None:
    """Give the convolutions between rounded values, of `round_convolutions`, kernels in 8 bits, in place.

    In ONNX a value in 8 bits is written as QuantizeLinear and DequantizeLinear, and a runtime recognises a convolution
    to be done in 8 bits by having them before its input, its kernel and its bias and after its output. Each filter has
    steps of its own.
    """
    _Quantization(graph).run()


class _Quantization:
    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._arrays = {tensor.name: tensor for tensor in graph.initializer}
        self._makers = {name: node for node in graph.node for name in node.output}
        self._takers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self._takers[name].append(node)
        self._before: dict[str, list[onnx.NodeProto]] = {}
        self._after: dict[str, list[onnx.NodeProto]] = {}

    def run(self) -> None:
        """Change the graph."""
        for node in self._graph.node:
            given = self._makers.get(node.input[0]) if node.op_type == "Conv" else None
            if given is not None and given.op_type == "DequantizeLinear" and (rounding := self._rounding_of(node)):
                self._quantize(node, self._value(given.input[1]), rounding)
        nodes = [
            one
            for node in self._graph.node
            for one in (*self._before.get(node.name, ()), node, *self._after.get(node.name, ()))
        ]
        del self._graph.node[:]
        self._graph.node.extend(nodes)
        self._forget_unused()

    def _rounding_of(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        """Return the QuantizeLinear that takes the output of `node`, moved or not; None where something else does."""
        takers = self._takers[node.output[0]]
        if len(takers) != 1:
            return None
        if takers[0].op_type == "QuantizeLinear":
            return takers[0]
        return self._rounding_of(takers[0]) if takers[0].op_type in TRANSPARENT else None

    def _quantize(self, node: onnx.NodeProto, step: np.ndarray, rounding: onnx.NodeProto) -> None:
        kernel, name = self._value(node.input[1]), node.name
        steps = np.maximum(np.abs(kernel).max(axis=(1, 2, 3)), np.finfo(np.float32).tiny) / MAX_WEIGHT
        if len(node.input) > 2:  # a filter of nothing may have a bias
            steps = np.maximum(steps, np.abs(self._value(node.input[2])) / (step * MAX_BIAS))
        rounded = np.round(kernel / steps[:, None, None, None]).astype(np.int8)
        self._before[name] = [self._constant(node, 1, rounded, steps)]
        if len(node.input) > 2:
            products = steps * step
            bias = np.round(self._value(node.input[2]) / products).astype(np.int32)
            self._before[name].append(self._constant(node, 2, bias, products))
        if rounding not in self._takers[node.output[0]]:
            self._after[name] = self._round_output(node, rounding)

    def _constant(self, node: onnx.NodeProto, number: int, values: np.ndarray, steps: np.ndarray) -> onnx.NodeProto:
        """Return what makes `values` in `steps` an input of `node`."""
        names = [f"{node.name}_input_{number}_{part}" for part in ("quantized", "scale", "dequantized")]
        self._graph.initializer.append(numpy_helper.from_array(values, names[0]))
        self._graph.initializer.append(numpy_helper.from_array(steps.astype(np.float32), names[1]))
        node.input[number] = names[2]
        return helper.make_node("DequantizeLinear", names[:2], names[2:], name=names[2], axis=0)

    def _round_output(self, node: onnx.NodeProto, rounding: onnx.NodeProto) -> list[onnx.NodeProto]:
        """Return nodes that round the output of `node` as `rounding` does."""
        output = node.output[0]
        bare, quantized = f"{output}_exact", f"{output}_quantized"
        node.output[0] = bare
        limits = list(rounding.input[1:])
        return [
            helper.make_node("QuantizeLinear", [bare, *limits], [quantized], name=quantized),
            helper.make_node("DequantizeLinear", [quantized, *limits], [output], name=f"{output}_dequantized"),
        ]

    def _value(self, name: str) -> np.ndarray:
        return numpy_helper.to_array(self._arrays[name])

    def _forget_unused(self) -> None:
        used = {name for node in self._graph.node for name in node.input}
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)
