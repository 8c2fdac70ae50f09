"""ONNX files, in ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runtimes.graph import Graph, TensorInfo
from runtimes.quiet import without_stderr
from runtimes.styles import onnx_styles
from runtimes.weights import check_weights, files_beside, onnx_weights

# Where ONNX Runtime looks for the files beside a model that it is given as bytes.
FOLDER_OF_FILES = "session.model_external_initializers_file_folder_path"
# NumPy's names of ONNX Runtime's types, where the two differ.
DTYPES = {"float": "float32", "double": "float64"}


def load_onnx(path: Path) -> Graph:
    """Load an `.onnx` file whose weights are sound numbers."""
    import numpy as np  # noqa: F401  from C++, where ONNX Runtime imports it, an interrupt would print its traceback
    import onnxruntime

    content = path.read_bytes()  # the runtime opens no file whose name is not UTF-8
    options = onnxruntime.SessionOptions()
    if files_beside(content, path):
        options.add_session_config_entry(FOLDER_OF_FILES, str(path.absolute().parent))
    with without_stderr():  # the runtime prints its errors, beside raising them
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    check_weights(onnx_weights(content, path.parent))
    outputs = tuple(_info(value) for value in session.get_outputs())
    names = [tensor.name for tensor in outputs]
    return Graph(
        tuple(_info(value) for value in session.get_inputs()),
        outputs,
        lambda arrays: dict(zip(names, session.run(names, dict(arrays)), strict=True)),
        onnx_styles(content),
    )


def _info(value: Any) -> TensorInfo:
    dtype = value.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    return TensorInfo(value.name, shape, DTYPES.get(dtype, dtype))
