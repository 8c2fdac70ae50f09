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

from errors import UserError, one_line
from pipelines.export.convolutions import suit_litert
from pipelines.export.flatbuffer import shrink
from pipelines.export.graph import OUTPUT, SIGNATURE, holder_of, picture_function, require_no_noise_planes, trace
from pipelines.export.int8 import round_convolutions
from pipelines.startup import stderr_to


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
    model = suit_litert(model)
    graph = trace(picture_function(model, (1, *size)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], holder_of(model))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    path.write_bytes(shrink(_convert(converter), int8_weights=quantize == "int8"))


def _convert(converter: tf.lite.TFLiteConverter) -> bytes:
    try:
        with Path(os.devnull).open("wb") as nothing, stderr_to(nothing):  # the error tells all that stands there
            return converter.convert()
    except Exception as error:  # the converter's own kinds, none of them public
        unknown = re.search(r"(?:TF Select|Custom) ops: (.*)", str(error))
        reason = f"LiteRT has no operator for {unknown[1]}" if unknown else one_line(error)
        raise UserError(f"the model cannot be exported to LiteRT: {reason}") from error


def load_litert(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return what runs a `.tflite` file on all of the processor's cores."""
    with Path(os.devnull).open("wb") as nothing, stderr_to(nothing):  # the runtime's name for its fast kernels
        interpreter = Interpreter(str(path), num_threads=os.cpu_count())
        interpreter.allocate_tensors()
    serve = interpreter.get_signature_runner(SIGNATURE)
    (name,) = serve.get_input_details()
    return lambda images: serve(**{name: images})[OUTPUT]
