"""LiteRT (TensorFlow Lite) files, on all of the processor's cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtimes.graph import Graph, TensorInfo
from runtimes.quiet import without_stderr
from runtimes.styles import litert_styles
from runtimes.weights import check_weights, litert_weights

if TYPE_CHECKING:
    import numpy as np

SIGNATURE = "serving_default"
# What the runtime tells of a tensor.
Details = Mapping[str, Any]


def load_litert(path: Path) -> Graph:
    """Load a `.tflite` file whose weights are sound numbers.

    It has its signature "serving_default", or its tensors by their names where it has none. Quantised inputs and
    outputs are float32 here.
    """
    from ai_edge_litert.interpreter import Interpreter

    content = path.read_bytes()  # the runtime opens no file whose name is not UTF-8
    with without_stderr():  # the runtime tells the name of its fast kernels
        interpreter = Interpreter(model_content=content, num_threads=os.cpu_count())
        interpreter.allocate_tensors()
    check_weights(litert_weights(content))
    if SIGNATURE in interpreter.get_signature_list():
        serve = interpreter.get_signature_runner(SIGNATURE)
        given, results = serve.get_input_details(), serve.get_output_details()
    else:
        serve = _unsigned(interpreter)
        given, results = map(_by_name, (interpreter.get_input_details(), interpreter.get_output_details()))

    def run(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        made = serve(**{name: _quantized(array, given[name]) for name, array in arrays.items()})
        return {name: _dequantized(array, results[name]) for name, array in made.items()}

    inputs, outputs = (tuple(_info(name, details) for name, details in group.items()) for group in (given, results))
    return Graph(inputs, outputs, run, litert_styles(content))


def _unsigned(interpreter: Any) -> Callable[..., dict[str, np.ndarray]]:
    """Return what runs a file without a signature, as the runner of a signature does."""
    given, results = interpreter.get_input_details(), interpreter.get_output_details()

    def run(**arrays: np.ndarray) -> dict[str, np.ndarray]:
        for details in given:  # those of a free size have sides of 1 until they are told
            interpreter.resize_tensor_input(details["index"], arrays[details["name"]].shape, strict=True)
        interpreter.allocate_tensors()
        for details in given:
            interpreter.set_tensor(details["index"], arrays[details["name"]])
        interpreter.invoke()
        return {details["name"]: interpreter.get_tensor(details["index"]) for details in results}

    return run


def _by_name(tensors: Sequence[Details]) -> dict[str, Details]:
    return {details["name"]: details for details in tensors}


def _is_quantized(details: Details) -> bool:
    import numpy as np

    return bool(details["quantization"][0]) and np.issubdtype(details["dtype"], np.integer)


def _quantized(array: np.ndarray, details: Details) -> np.ndarray:
    """Return what a tensor takes for float32 numbers: whole ones where it is quantised."""
    import numpy as np

    if not _is_quantized(details):
        return array
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return np.rint(array / np.float32(scale) + zero).clip(limits.min, limits.max).astype(details["dtype"])


def _dequantized(array: np.ndarray, details: Details) -> np.ndarray:
    """Return the float32 numbers of a quantised tensor; others as they are."""
    import numpy as np

    scale, zero = details["quantization"]
    return (array.astype(np.float32) - zero) * np.float32(scale) if _is_quantized(details) else array


def _info(name: str, details: Details) -> TensorInfo:
    import numpy as np

    sizes = details.get("shape_signature", details["shape"])
    shape = tuple(None if size < 0 else int(size) for size in sizes)
    if not _is_quantized(details):
        return TensorInfo(name, shape, details["dtype"].__name__)
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return TensorInfo(name, shape, "float32", (scale * (limits.min - zero), scale * (limits.max - zero)))
