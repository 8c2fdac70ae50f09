"""Loading an export: a SavedModel folder, a .tflite file or an .onnx file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runtimes.graph import Graph, GraphError
from runtimes.litert import load_litert
from runtimes.onnx import load_onnx
from runtimes.saved_model import load_saved_model

# The loader of each suffix ("" stands for a folder), and the package to install for it.
LOADERS: dict[str, tuple[Callable[[Path], Graph], str]] = {
    "": (load_saved_model, "tensorflow"),
    ".tflite": (load_litert, "ai-edge-litert"),
    ".onnx": (load_onnx, "onnxruntime"),
}

# What makes a folder a SavedModel.
SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")


def is_loadable(path: Path) -> bool:
    """Say whether a SavedModel folder stands at `path`, or a file that is called like one that can be loaded."""
    if path.is_dir():
        return any((path / name).is_file() for name in SAVED_MODEL_FILES)
    return path.is_file() and path.suffix.lower() in LOADERS and path.suffix != ""


def load_graph(path: Path) -> Graph:
    """Load an exported model.

    Args:
        path: a SavedModel folder, a `.tflite` file or an `.onnx` file (see `is_loadable`).

    Raises:
        GraphError: its runtime is not installed, or refuses it; or a weight is NaN, infinite or beyond MAX_WEIGHT.
    """
    load, package = LOADERS["" if path.is_dir() else path.suffix.lower()]
    try:
        return load(path)
    except ImportError as error:
        raise GraphError(f"{path}: needs the Python package {package}: pip install {package}") from error
    except Exception as error:  # each runtime has its own kinds
        raise GraphError(f"{path}: cannot be loaded: {error}") from error
