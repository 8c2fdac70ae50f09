"""Reading the weights of exported models from their files, to check that all are finite numbers.

Rectifiers hide NaN, so that a model with broken weights gives a picture that looks like any other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from runtimes.graph import GraphError
from runtimes.messages import Table, fields

# Larger ones are damage: trained networks stay far below.
MAX_WEIGHT = 1e10
# NumPy's types by the numbers that ONNX has for floating-point types: float32, float16, float64.
ONNX_TYPES = {1: "<f4", 10: "<f2", 11: "<f8"}
# Those that TensorFlow Lite has.
LITERT_TYPES = {0: "<f4", 1: "<f2", 10: "<f8"}


def check_weights(weights: Iterable[tuple[str, Any]]) -> None:
    """Check that weights are sound numbers.

    Args:
        weights: names and arrays. A single value is no weight but a limit or a divisor, which may be infinite.

    Raises:
        GraphError: one is NaN, infinite or beyond MAX_WEIGHT; the message names it.
    """
    import numpy as np

    for name, array in weights:
        if np.isnan(array).any():
            raise GraphError(f"weight {name} contains NaN")
        largest = float(np.abs(array).max(initial=0))
        if array.size > 1 and largest > MAX_WEIGHT:
            what = "infinite values" if largest == np.inf else f"{largest:.3g}, beyond {MAX_WEIGHT:.0e}"
            raise GraphError(f"weight {name} contains {what}")


def onnx_weights(content: bytes, folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield the floating-point tensors of an `.onnx` file: initial values, and constants of nodes, in subgraphs too.

    Args:
        content: of the file.
        folder: where it is, and the files beside it that may hold the tensors' numbers.
    """
    for tensor in _onnx_tensors(content):
        yield from _onnx_weight(tensor, folder)


def files_beside(content: bytes, path: Path) -> set[str]:
    """Return the names of the files in an `.onnx` file's folder that hold the numbers of its tensors.

    Args:
        content: of the file.
        path: of the file.

    Raises:
        GraphError: one of them is missing.
    """
    places = (_place_beside(tensor) for tensor in _onnx_tensors(content))
    names = {place["location"] for place in places if "location" in place}
    for name in sorted(names):
        if not (path.parent / name).is_file():
            raise GraphError(f"its weights are in another file, {name}, which is not beside it")
    return names


def _onnx_tensors(content: bytes) -> Iterator[memoryview]:
    for number, value in fields(memoryview(content)):
        if number == 7:  # graph
            yield from _of_onnx_graph(value)
        elif number == 25:  # functions
            yield from _of_onnx_nodes(value, nodes=7)


def _of_onnx_graph(graph: memoryview) -> Iterator[memoryview]:
    for number, value in fields(graph):
        if number == 5:  # initializer
            yield value
    yield from _of_onnx_nodes(graph, nodes=1)


def _of_onnx_nodes(graph: memoryview, *, nodes: int) -> Iterator[memoryview]:
    for node in (value for number, value in fields(graph) if number == nodes):
        for attribute in (value for number, value in fields(node) if number == 5):
            for number, value in fields(attribute):
                if number in (5, 10):  # t, tensors
                    yield value
                elif number in (6, 11):  # g, graphs
                    yield from _of_onnx_graph(value)


def _place_beside(tensor: memoryview) -> dict[str, str]:
    """Return what a tensor tells of the file beside the model that has its numbers: location, offset and length."""
    entries = (dict(fields(value)) for number, value in fields(tensor) if number == 13)  # external_data
    return {bytes(entry[1]).decode(): bytes(entry.get(2, b"")).decode() for entry in entries}


def _onnx_weight(tensor: memoryview, folder: Path) -> Iterator[tuple[str, Any]]:
    import numpy as np

    given = {number: value for number, value in fields(tensor) if number != 1}  # without its sizes
    kind = ONNX_TYPES.get(given.get(2, 0))
    name = bytes(given.get(8, b"")).decode(errors="replace") or "without a name"
    if kind is not None and 13 in given:
        place = _place_beside(tensor)
        with (folder / place["location"]).open("rb") as file:
            file.seek(int(place.get("offset", 0)))
            yield name, np.frombuffer(file.read(int(place.get("length", -1))), kind)
    elif kind is not None and 9 in given:  # raw_data
        yield name, np.frombuffer(given[9], kind)
    elif kind is not None:  # float_data and double_data, packed or not
        typed = {4: "<f4", 10: "<f8"}
        parts = [np.frombuffer(value, typed[number]) for number, value in fields(tensor) if number in typed]
        yield name, np.concatenate(parts or [np.zeros(0)])


def litert_weights(content: bytes) -> Iterator[tuple[str, Any]]:
    """Yield the floating-point constants of a `.tflite` file, and the scales of those that are stored in 8 bits."""
    import numpy as np

    model = Table(content, struct.unpack_from("<I", content)[0])
    buffers = [table.array(0, "u1") for table in model.tables(4)]
    for graph in model.tables(2):
        for i, tensor in enumerate(graph.tables(0)):
            kind = LITERT_TYPES.get(tensor.number(1, "<b"))
            values = buffers[tensor.number(2, "<I")]
            name = tensor.array(3, "u1").tobytes().decode(errors="replace") or f"of tensor {i}"
            if kind is not None and values.size:
                yield name, np.frombuffer(values, kind)
            for quantization in tensor.table(4):
                yield f"{name} (its scale)", quantization.array(2, "<f4")


def saved_model_weights(signature: Any) -> Iterator[tuple[str, Any]]:
    """Yield the floating-point variables and constants of a loaded SavedModel's signature."""
    import tensorflow as tf

    for variable in signature.variables:
        if variable.dtype.is_floating:
            yield variable.name, tf.cast(variable, tf.float32).numpy()
    for i, tensor in enumerate(signature.captured_inputs):  # the variables, as their handles, and constants
        if tensor.dtype.is_floating:
            yield f"of constant {i}", tf.cast(tensor, tf.float32).numpy()
    graph = signature.graph.as_graph_def()
    for node in (*graph.node, *(node for function in graph.library.function for node in function.node_def)):
        if node.op == "Const" and tf.dtypes.as_dtype(node.attr["dtype"].type).is_floating:
            yield node.name, tf.make_ndarray(node.attr["value"].tensor).astype("float64")
