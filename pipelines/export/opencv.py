"""OpenCV's cv2.dnn beside ONNX Runtime: old programs load networks through it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from errors import one_line
from pipelines.export.plan import ExportPlan
from pipelines.export.samples import Inputs
from runtimes.quiet import without_stderr


def try_in_opencv(path: Path, inputs: Inputs, expected: Sequence[np.ndarray], plan: ExportPlan) -> str | None:
    """Run an ONNX file in cv2.dnn and say in words how it went; None where OpenCV is not installed.

    Args:
        path: the file.
        inputs: in the order of the plan's inputs.
        expected: what ONNX Runtime returns for them.
        plan: what is exported, with its inputs and outputs.
    """
    if find_spec("cv2") is None:
        return None
    import cv2

    try:
        with without_stderr():
            network = cv2.dnn.readNetFromONNX(str(path))
            for tensor, array in zip(plan.inputs, inputs, strict=True):
                network.setInput(array, tensor.name)
            found = network.forward(list(plan.outputs))
    except Exception as error:  # cv2.error, and whatever else old versions raise for what they do not know
        return f"OpenCV {cv2.__version__} cannot run it: {_reason(error)}"
    return f"OpenCV {cv2.__version__} runs it: {_agreement(found, expected)}"


def _agreement(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> str:
    differences = []
    for mine, other in zip(found, expected, strict=True):
        if mine.shape != other.shape:
            return f"but with an output of {mine.shape} where ONNX Runtime has {other.shape}"
        largest = float(np.abs(other).max(initial=0.0)) or 1.0
        differences.append(float(np.abs(mine - other).max(initial=0.0)) / largest)
    return f"max difference from ONNX Runtime {max(differences):.1e} of the largest value"


def _reason(error: Exception) -> str:
    """Return what cv2 says without the places in its source."""
    return one_line(error).rpartition("error: ")[2]
