"""The writer and the runtime of each export format; importing this imports all that the format needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np

from pipelines.export.samples import Samples

Write = Callable[[keras.Model, Path], None]
Load = Callable[[Path], Callable[[np.ndarray], np.ndarray]]


def exporter(format: str, *, size: tuple[int, int], quantize: str, samples: Samples) -> tuple[Write, Load]:
    """Return what writes a model in this format, and what loads the file for running in the format's own runtime.

    Args:
        format: "saved_model", "litert" or "onnx".
        size: height and width, for "litert".
        quantize: see `export_model`, for "litert".
        samples: to calibrate with.
    """
    if format == "saved_model":
        from pipelines.export.saved_model import load_saved_model, write_saved_model

        return write_saved_model, load_saved_model
    if format == "onnx":
        from pipelines.export.onnx import load_onnx, write_onnx

        return write_onnx, load_onnx
    from pipelines.export.litert import load_litert, write_litert

    calibration = samples.calibration(*size)
    return partial(write_litert, size=size, quantize=quantize, calibration=calibration), load_litert
