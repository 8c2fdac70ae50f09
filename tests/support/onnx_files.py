"""Small `.onnx` files, written with onnx itself, and what stylize_tensorflow_graph.py makes of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import stylize_tensorflow_graph

Shape = Sequence[int | str]


def write_onnx(
    path: Path,
    nodes: Sequence[tuple],
    inputs: Mapping[str, Shape],
    dtype: int = TensorProto.FLOAT,
    output: tuple[int, Shape] | None = None,
    **constants: Any,
) -> Path:
    """Write a model from its inputs to `y`; each node is (operator, inputs, outputs) and perhaps its attributes.

    The output has a type and a shape of its own, or those of the first input.
    """
    given = [helper.make_tensor_value_info(name, dtype, shape) for name, shape in inputs.items()]
    made = [helper.make_tensor_value_info("y", *(output or (dtype, next(iter(inputs.values())))))]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    made_nodes = [helper.make_node(*node[:3], **dict(*node[3:])) for node in nodes]
    graph = helper.make_graph(made_nodes, "net", given, made, tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


def stylized(model: Path, photo: Path, *options: Any) -> np.ndarray:
    """Return the result of a photo in [0, 1], (rows, columns, 3)."""
    output = model.with_suffix(".png")
    assert run_graph(model, photo, output, *options) == 0
    return pixels(output)


def run_graph(model: Path, photo: Path, output: Path, *options: Any) -> int:
    """Run the script and return its exit code."""
    arguments = ["--input", photo, "--output", output, "--model", model, *options]
    return stylize_tensorflow_graph.main([str(argument) for argument in arguments])


def pixels(path: Path) -> np.ndarray:
    """Return a picture in [0, 1], (rows, columns, 3)."""
    return np.asarray(Image.open(path).convert("RGB"), np.float32) / 255


def write_photo(path: Path) -> Path:
    """Write 31 rows and 45 columns of colours."""
    rows, columns = np.mgrid[:31, :45]
    colours = np.stack([rows * 8, columns * 5, (rows + columns) * 3], -1)
    Image.fromarray(colours.astype(np.uint8)).save(path)
    return path
