"""Loading an export: a SavedModel folder, a .tflite file or an .onnx file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runtimes.graph import Graph, GraphError
from runtimes.litert import load_litert
from runtimes.onnx import load_onnx
from runtimes.openvino import load_openvino
from runtimes.saved_model import load_saved_model
from runtimes.terminal import raise_lost_interrupt

# The loaders of each suffix ("" stands for a folder) by the package that runs such models; the first is the default.
LOADERS: dict[str, dict[str, Callable[[Path], Graph]]] = {
    "": {"tensorflow": load_saved_model},
    ".tflite": {"ai-edge-litert": load_litert},
    ".onnx": {"onnxruntime": load_onnx, "openvino": load_openvino},
}

# How files of several kinds begin: (offset, bytes there, kind).
SIGNATURES = (
    (0, b"PK\x03\x04", "a zip archive, such as a .keras file"),
    (0, b"\x89HDF", "an HDF5 file"),
    (4, b"TFL3", "a .tflite file"),
    (0, b"\x08", "a protobuf message, such as an .onnx file"),
    (0, b"version ", "a pointer of Git LFS, which stands for a file that was not downloaded"),
    (0, b"<!", "a web page"),
    (0, b"<html", "a web page"),
)

# What makes a folder a SavedModel.
SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")


def is_loadable(path: Path) -> bool:
    """Say whether a SavedModel folder stands at `path`, or a file that is called like one that can be loaded."""
    if path.is_dir():
        return any((path / name).is_file() for name in SAVED_MODEL_FILES)
    return path.is_file() and path.suffix.lower() in LOADERS and path.suffix != ""


def runtimes_of(path: Path) -> tuple[str, ...]:
    """Return the packages that run the exported model at `path`, the default first."""
    return tuple(LOADERS["" if path.is_dir() else path.suffix.lower()])


def load_graph(path: Path, runtime: str | None = None) -> Graph:
    """Load an exported model.

    Args:
        path: a SavedModel folder, a `.tflite` file or an `.onnx` file (see `is_loadable`).
        runtime: one of `runtimes_of(path)`; None for the first of them.

    Raises:
        GraphError: its runtime is not installed, or refuses it; or a weight is NaN, infinite or beyond MAX_WEIGHT.
    """
    package = runtimes_of(path)[0] if runtime is None else runtime
    load = LOADERS["" if path.is_dir() else path.suffix.lower()][package]
    try:
        return load(path)
    except ImportError as error:
        raise_lost_interrupt()  # libraries make errors of their own of one that comes while they are imported
        raise GraphError(f"{path}: needs the Python package {package}: pip install {package}") from error
    except OSError as error:  # also of the disk, which would come again where the file's kind is looked for
        raise GraphError(f"{path}: cannot be loaded: {error.strerror or error}") from error
    except Exception as error:  # each runtime has its own kinds
        raise_lost_interrupt()
        raise GraphError(f"{path}: cannot be loaded: {_other_kind(path) or error}") from error


def _other_kind(path: Path) -> str | None:
    """Return what a file is whose first bytes are those of another kind than its name tells, else None."""
    if path.is_dir():
        return None
    with path.open("rb") as file:
        head = file.read(8)
    kinds = (kind for offset, start, kind in SIGNATURES if head[offset:].startswith(start))
    return next((f"it is {kind}" for kind in kinds if path.suffix.lower() not in kind), None)
