"""Edge padding as a single ONNX operator."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import onnx
from keras import ops
from onnx import helper, numpy_helper

from layers import ReplicationPadding2D
from model.rewiring import rewire
from pipelines.export.formats.onnx_graph import takers_of

# What stands for the edge pixel until the graph is ONNX's: no network pads with it.
MARK = np.float32(-2.7182818e38)


def mark_edge_paddings(model: keras.Model) -> keras.Model:
    """Return `model`, sharing its other layers, with paddings by MARK in place of those by the edge pixel.

    TensorFlow has no operator for the latter. Of the slices and concatenations that stand for one tf2onnx makes forty
    nodes, which a runtime has to read and order at its start, and whose results are two copies of the picture.

    Args:
        model: Functional or Sequential.
    """

    def call(layer: keras.Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if type(layer) is ReplicationPadding2D and layer.compute_dtype == "float32":
            return ops.pad(inputs, ((0, 0), *layer.padding, (0, 0)), constant_values=MARK)
        return layer(inputs, *args, **kwargs)

    return rewire(model, call)


def pad_by_edges(graph: onnx.GraphProto) -> None:
    """Let the paddings by MARK repeat the edge pixel, in place."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    takers = takers_of(graph)
    for node in graph.node:
        if node.op_type == "Pad" and len(node.input) > 2 and np.all(arrays.get(node.input[2]) == MARK):
            del node.input[2:]
            node.ClearField("attribute")
            node.attribute.append(helper.make_attribute("mode", "edge"))
            following = takers[node.output[0]]
            if len(following) == 1 and following[0].op_type == "Transpose":
                graph.initializer.append(_swap(node, following[0], arrays[node.input[1]]))


def _swap(padding: onnx.NodeProto, transposition: onnx.NodeProto, widths: np.ndarray) -> onnx.TensorProto:
    """Let a transposition come before the padding that it follows; return the padding's widths in the new order.

    OpenCV pads the last two axes alone, and convolutions have them so.
    """
    order = list(transposition.attribute[0].ints)
    permuted = numpy_helper.from_array(widths.reshape(2, -1)[:, order].ravel(), f"{padding.name}_widths")
    transposition.input[0], padding.input[0] = padding.input[0], padding.output[0]
    transposition.output[0], padding.output[0] = padding.output[0], transposition.output[0]
    padding.input[1] = permuted.name
    before = onnx.NodeProto()
    before.CopyFrom(padding)
    padding.CopyFrom(transposition)
    transposition.CopyFrom(before)
    return permuted
