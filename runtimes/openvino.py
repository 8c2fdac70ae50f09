"""ONNX files, in OpenVINO on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtimes.graph import Graph, TensorInfo
from runtimes.styles import onnx_styles
from runtimes.weights import check_weights, files_beside, onnx_weights

if TYPE_CHECKING:
    import numpy as np


def load_openvino(path: Path) -> Graph:
    """Load an `.onnx` file whose weights are sound numbers.

    OpenVINO keeps its own default precision: bfloat16 on processors that compute in it, float32 on others. Layers that
    the file stores in 8 bits are computed in 8 bits.
    """
    import openvino

    content = path.read_bytes()  # the runtime opens no file whose name is not UTF-8
    core = openvino.Core()
    model = core.read_model(path if files_beside(content, path) else BytesIO(content))
    compiled = core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    check_weights(onnx_weights(content, path.parent))
    inputs, outputs = (tuple(map(_info, ports)) for ports in (compiled.inputs, compiled.outputs))

    def run(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        results = compiled(dict(arrays))
        return {tensor.name: results[number] for number, tensor in enumerate(outputs)}

    return Graph(inputs, outputs, run, onnx_styles(content))


def _info(port: Any) -> TensorInfo:
    shape = tuple(size.get_length() if size.is_static else None for size in port.get_partial_shape())
    return TensorInfo(port.get_any_name(), shape, port.get_element_type().to_dtype().name)
