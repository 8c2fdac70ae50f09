"""ONNX: for every other runtime, and for browsers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import tf2onnx

from errors import UserError
from pipelines.export.graph import OUTPUT, picture_function, require_no_noise_planes

OPSET = 18
AXES = ("batch", "height", "width")


def write_onnx(model: keras.Model, path: Path) -> None:
    """Write `model` as an ONNX file for batches of any number and size.

    Raises:
        UserError: the model needs an operator that ONNX does not have.
    """
    require_no_noise_planes(model, "ONNX")
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # what it cannot convert is told below
    function = picture_function(model, (None, None, None))
    converted, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=OPSET)
    unknown = {node.op_type for node in converted.graph.node if not onnx.defs.has(node.op_type, node.domain)}
    if unknown:
        raise UserError(f"ONNX has no operator for {', '.join(sorted(unknown))}")
    for value in (*converted.graph.input, *converted.graph.output):
        for axis, name in zip(value.type.tensor_type.shape.dim, AXES, strict=False):
            axis.dim_param = name
    onnx.save(converted, path)


def load_onnx(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return what runs an ONNX file on the CPU."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return lambda images: session.run([OUTPUT], {given.name: images})[0]
