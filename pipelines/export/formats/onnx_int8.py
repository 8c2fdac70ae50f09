"""8-bit convolutions in an ONNX graph, with quantised inputs and outputs."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from pipelines.export.formats.onnx_graph import takers_of

# Rounding before these operators is rounding after them: they only move values, or end them at 0, where the 256 steps
# after them begin too. ONNX Runtime has those that move values in 8 bits.
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
        self._takers = takers_of(graph)
        self._before: dict[str, list[onnx.NodeProto]] = {}
        self._after: dict[str, list[onnx.NodeProto]] = {}
        self._gone: set[str] = set()

    def run(self) -> None:
        """Change the graph."""
        for node in self._graph.node:
            given = self._makers.get(node.input[0]) if node.op_type == "Conv" else None
            if given is not None and given.op_type == "DequantizeLinear" and (path := self._path_to_rounding(node)):
                self._quantize(node, self._value(given.input[1]))
                for one in path[:-2]:
                    self._after[one.name] = self._round_output(one, path[-1])
                self._round_before_padding(given)
        nodes = [
            one
            for node in self._graph.node
            if node.name not in self._gone
            for one in (*self._before.get(node.name, ()), node, *self._after.get(node.name, ()))
        ]
        del self._graph.node[:]
        self._graph.node.extend(nodes)

    def _path_to_rounding(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """Return `node`, what moves its output, and the QuantizeLinear behind; or nothing if another node takes it."""
        path = [node]
        while path[-1].op_type != "QuantizeLinear":
            takers = self._takers[path[-1].output[0]]
            if len(takers) != 1 or takers[0].op_type not in (*TRANSPARENT, "QuantizeLinear"):
                return []
            path.append(takers[0])
        return path

    def _quantize(self, node: onnx.NodeProto, step: np.ndarray) -> None:
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

    def _round_before_padding(self, rounded: onnx.NodeProto) -> None:
        """Let bytes be padded where values were padded, multiplied channel by channel and then rounded.

        Where the 256 steps begin at 0 a rectifier before them changes nothing.

        Args:
            rounded: the DequantizeLinear behind.
        """
        rounding = self._only_maker(rounded.input[0], "QuantizeLinear")
        scaling = self._only_maker(rounding.input[0], "Mul") if rounding else None
        padding = self._only_maker(scaling.input[0], "Pad") if scaling else None
        if rounding is None or scaling is None or padding is None:
            return
        modes = [one.s for one in padding.attribute if one.name == "mode"]
        if modes not in ([b"edge"], [b"reflect"]) or scaling.input[1] not in self._arrays:
            return  # a constant of the padding would be another one in bytes
        scaling.input[0] = padding.input[0]
        scaling.output[0] = rounding.input[0] = f"{scaling.name}_not_padded"
        rounding.output[0] = padding.input[0] = f"{rounding.name}_not_padded"
        padding.output[0] = rounded.input[0] = f"{padding.name}_rounded"
        self._before[rounded.name] = [padding]
        self._gone.add(padding.name)
        rectifier = self._only_maker(scaling.input[0], "Relu")
        zero = self._value(rounding.input[2])
        if rectifier is not None and zero == np.iinfo(zero.dtype).min:
            scaling.input[0] = rectifier.input[0]
            self._gone.add(rectifier.name)

    def _only_maker(self, name: str, kind: str) -> onnx.NodeProto | None:
        """Return the node of this type that makes a tensor for one other node alone, if there is such a node."""
        node = self._makers.get(name)
        return node if node is not None and node.op_type == kind and len(self._takers[name]) == 1 else None

    def _value(self, name: str) -> np.ndarray:
        return numpy_helper.to_array(self._arrays[name])
