"""ONNX: for every other runtime, and for browsers."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from tf2onnx import utils

from compat import mend_tf2onnx
from errors import UserError
from model.provenance import PROVENANCE, Provenance
from pipelines.export.formats.convolutions import split_narrow_convolutions
from pipelines.export.formats.onnx_cutting import TRANSPOSED, convert_transposed_convolution, simplify_cuts
from pipelines.export.formats.onnx_int8 import quantize_convolutions
from pipelines.export.formats.onnx_padding import mark_edge_paddings, pad_by_edges
from pipelines.export.graph import ConcreteFunction, graph_function, trace
from pipelines.export.int8 import round_convolutions
from pipelines.export.plan import ExportPlan
from pipelines.export.samples import Inputs

OPSET = 18
PICTURE_AXES = ("batch", "height", "width")


def write(model: keras.Model, path: Path, plan: ExportPlan, calibration: Iterable[Inputs] = ()) -> None:
    """Write `model` as an ONNX file.

    Args:
        model: Functional or Sequential.
        path: the file.
        plan: names, shapes and quantisation: "none" or "int8".
        calibration: the model's inputs, for "int8".

    Raises:
        UserError: the model needs an operator that ONNX does not have, or cannot take inputs of these sizes.
    """
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # what it cannot convert is told below
    mend_tf2onnx()
    if plan.quantize == "int8":
        model = round_convolutions(model, calibration)
    model = simplify_cuts(mark_edge_paddings(split_narrow_convolutions(model)))
    function = graph_function(model, plan)
    traced = trace(function)
    converted, _ = tf2onnx.convert.from_function(
        function,
        input_signature=function.input_signature,
        opset=OPSET,
        custom_op_handlers={
            "Erfc": (_complementary_error_function, []),
            TRANSPOSED: (convert_transposed_convolution, []),
        },
    )
    unknown = {node.op_type for node in converted.graph.node if not onnx.defs.has(node.op_type, node.domain)}
    if unknown:
        raise UserError(f"ONNX has no operator for {', '.join(sorted(unknown))}")
    _hold_constants(converted.graph, traced)
    pad_by_edges(converted.graph)
    if plan.quantize == "int8":
        quantize_convolutions(converted.graph)
    _forget_unused(converted.graph)
    _order_outputs(converted.graph, plan)
    for value in (*converted.graph.input, *converted.graph.output):
        _name_axes(value, plan)
    onnx.save(converted, path)


def _complementary_error_function(graph: Any, node: Any, _name: str, _arguments: list) -> None:
    """Compute 1 - erf(x) with ONNX's operators: TensorFlow's exact GELU has erfc, for which ONNX has none."""
    known = {"shapes": node.output_shapes, "dtypes": node.output_dtypes}
    one = graph.make_const(f"{node.name}_one", np.ones((), utils.map_onnx_to_numpy_type(node.output_dtypes[0])))
    inner = graph.make_node("Erf", node.input, **known)
    graph.remove_node(node.name)
    graph.make_node("Sub", [one.output[0], inner.output[0]], name=node.name, outputs=node.output, **known)


def _hold_constants(graph: onnx.GraphProto, traced: ConcreteFunction) -> None:
    """Put the constants of layers (keras.layers.Normalization), which tf2onnx takes for inputs, into the file."""
    held = {placeholder.name: value for value, placeholder in traced.graph.captures if placeholder.dtype != tf.resource}
    for value in [value for value in graph.input if value.name in held]:
        graph.initializer.append(onnx.numpy_helper.from_array(held[value.name].numpy(), value.name))
        graph.input.remove(value)


def _forget_unused(graph: onnx.GraphProto) -> None:
    """Take out the constants that no node takes, and that are no outputs either."""
    used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _order_outputs(graph: onnx.GraphProto, plan: ExportPlan) -> None:
    outputs = {value.name: value for value in graph.output}
    ordered = [outputs[name] for name in plan.outputs]
    del graph.output[:]
    graph.output.extend(ordered)


def _name_axes(value: onnx.ValueInfoProto, plan: ExportPlan) -> None:
    """Give axes of any size names; the same name means the same size to ONNX's runtimes."""
    for number, axis in enumerate(value.type.tensor_type.shape.dim):
        if plan.makes_pictures and number < len(PICTURE_AXES) and not axis.dim_value:
            axis.dim_param = PICTURE_AXES[number]
        elif not axis.dim_value:
            axis.dim_param = "batch" if number == 0 else f"{value.name}_{number}"


def add_provenance(path: Path, provenance: Provenance) -> None:
    """Write where the model comes from into the metadata of an ONNX file: JSON under PROVENANCE."""
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {PROVENANCE: json.dumps(provenance)})
    onnx.save(model, path)
