"""LiteRT (TensorFlow Lite): for phones and small machines, with built-in operators alone."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.tools import flatbuffer_utils

from errors import UserError
from pipelines.export_graph import OUTPUT, SIGNATURE, holder_of, picture_function, require_no_noise_planes, trace
from pipelines.export_int8 import round_convolutions
from pipelines.generator import first_line


def write_litert(
    model: keras.Model, path: Path, *, size: tuple[int, int], quantize: str, calibration: Iterable[np.ndarray]
) -> None:
    """Write `model` as a `.tflite` file for one picture of `size`.

    Args:
        model: the generator.
        path: the file.
        size: height and width.
        quantize: "none", "float16", "dynamic" or "int8".
        calibration: (1, height, width, channels) each, for "int8".

    Raises:
        UserError: the model needs an operator that LiteRT does not have.
    """
    require_no_noise_planes(model, "LiteRT")
    if quantize == "int8":
        model = round_convolutions(model, calibration)
    graph = trace(picture_function(model, (1, *size)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], holder_of(model))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    path.write_bytes(_without_names(_convert(converter)))


def _convert(converter: tf.lite.TFLiteConverter) -> bytes:
    try:
        return converter.convert()
    except Exception as error:  # the converter's own kinds, none of them public
        unknown = re.search(r"(?:TF Select|Custom) ops: (.*)", str(error))
        reason = f"LiteRT has no operator for {unknown[1]}" if unknown else first_line(error)
        raise UserError(f"the model cannot be exported to LiteRT: {reason}") from error


def _without_names(content: bytes) -> bytes:
    """Return a `.tflite` file without the names of the tensors inside.

    No runtime reads them, and in a generator they take 25 to 30 KB.
    """
    flat = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    for graph in flat.subgraphs:
        for index, tensor in enumerate(graph.tensors):
            if index not in {*graph.inputs, *graph.outputs}:
                tensor.name = None
    return bytes(flatbuffer_utils.convert_object_to_bytearray(flat))


def load_litert(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return what runs a `.tflite` file on all of the processor's cores."""
    interpreter = Interpreter(str(path), num_threads=os.cpu_count())
    serve = interpreter.get_signature_runner(SIGNATURE)
    (name,) = serve.get_input_details()
    return lambda images: serve(**{name: images})[OUTPUT]
