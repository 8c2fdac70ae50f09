"""LiteRT (TensorFlow Lite) files, on all of the processor's cores."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtimes.graph import Graph, TensorInfo
from runtimes.quiet import without_stderr
from runtimes.styles import litert_styles
from runtimes.weights import check_weights, litert_weights

if TYPE_CHECKING:
    import numpy as np

SIGNATURE = "serving_default"


def load_litert(path: Path) -> Graph:
    """Load a `.tflite` file whose weights are sound numbers.

    It has its signature "serving_default", or its tensors by their names where it has none.
    """
    from ai_edge_litert.interpreter import Interpreter

    content = path.read_bytes()  # the runtime opens no file whose name is not UTF-8
    with without_stderr():  # the runtime tells the name of its fast kernels
        interpreter = Interpreter(model_content=content, num_threads=os.cpu_count())
        interpreter.allocate_tensors()
    check_weights(litert_weights(content))
    styles = litert_styles(content)
    if SIGNATURE not in interpreter.get_signature_list():
        return _unsigned(interpreter, styles)
    serve = interpreter.get_signature_runner(SIGNATURE)
    return Graph(
        tuple(_info(name, details) for name, details in serve.get_input_details().items()),
        tuple(_info(name, details) for name, details in serve.get_output_details().items()),
        lambda arrays: serve(**arrays),
        styles,
    )


def _unsigned(interpreter: Any, styles: tuple[str, ...]) -> Graph:
    given, results = interpreter.get_input_details(), interpreter.get_output_details()

    def run(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        for details in given:  # those of a free size have sides of 1 until they are told
            interpreter.resize_tensor_input(details["index"], arrays[details["name"]].shape, strict=True)
        interpreter.allocate_tensors()
        for details in given:
            interpreter.set_tensor(details["index"], arrays[details["name"]])
        interpreter.invoke()
        return {details["name"]: interpreter.get_tensor(details["index"]) for details in results}

    inputs, outputs = (tuple(_info(details["name"], details) for details in group) for group in (given, results))
    return Graph(inputs, outputs, run, styles)


def _info(name: str, details: Mapping[str, Any]) -> TensorInfo:
    shape = details.get("shape_signature", details["shape"])
    return TensorInfo(name, tuple(None if size < 0 else int(size) for size in shape), details["dtype"].__name__)
