"""Comparing an export, run by its own runtime, with the Keras model, and OpenCV with ONNX Runtime."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter

import keras
import numpy as np
import tensorflow as tf

from errors import UserError, one_line
from model.leaky_relu import with_exact_slopes
from model.rewiring import without_structure
from pipelines.export.plan import ExportPlan
from pipelines.export.samples import Inputs
from pipelines.export.settings import FORMATS, MIN_PSNR, describe_shape
from runtimes.quiet import without_stderr

Run = Callable[..., Sequence[np.ndarray]]
REPETITIONS = 3


@dataclass(frozen=True)
class Comparison:
    """An export and the Keras model on the same inputs.

    Attributes:
        shapes: of the inputs, with the batch.
        max_difference: largest difference of a value.
        relative: the same as a share of the output's largest value; of several outputs the largest.
        psnr: peak signal-to-noise ratio in dB, of a peak of 1 for pictures, else of the output's largest value; of
            several outputs the lowest. Infinite where there is no difference.
        model_ms: time of the Keras model, compiled, in milliseconds: the median of REPETITIONS after a first run.
        export_ms: the same of the export.
    """

    shapes: tuple[tuple[int, ...], ...]
    max_difference: float
    relative: float
    psnr: float
    model_ms: float
    export_ms: float


def compare(model: keras.Model, run: Run, batches: Sequence[Inputs], plan: ExportPlan) -> list[Comparison]:
    """Run both on every batch.

    Args:
        model: Functional or Sequential.
        run: the export: arrays in the order of the plan's inputs -> arrays in the order of its outputs.
        batches: inputs of the model.
        plan: what is exported, with its inputs and outputs.

    Raises:
        UserError: the model or the export fails, an output has another shape than the model's, or the model returns
            no finite number at all.
    """
    flat = with_exact_slopes(without_structure(model))
    # Sizes that the export fixes are fixed here too: some layers cannot be compiled for any size.
    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in plan.inputs]

    @tf.function(input_signature=specs, autograph=False)
    def compiled(*inputs: tf.Tensor) -> list[tf.Tensor]:
        return keras.tree.flatten(flat(list(inputs) if len(inputs) > 1 else inputs[0], training=False))

    def reference(*inputs: np.ndarray) -> list[np.ndarray]:
        return [output.numpy() for output in compiled(*map(tf.constant, inputs))]

    return [_compare(reference, run, inputs, plan) for inputs in batches]


def _compare(model: Run, export: Run, inputs: Inputs, plan: ExportPlan) -> Comparison:
    described = describe([array.shape for array in inputs])
    failure = f"the model fails on {described} (`size` or `input_shape` sets the sizes of its inputs)"
    expected, model_ms = _timed(model, inputs, failure)
    found, export_ms = _timed(export, inputs, f"the export fails on {described}")
    errors = [
        _difference(name, *pair, peak=1.0 if plan.makes_pictures else None)
        for name, *pair in zip(plan.outputs, found, expected, strict=True)
    ]
    largest, relative, psnr = zip(*errors, strict=True)
    shapes = tuple(array.shape for array in inputs)
    return Comparison(shapes, max(largest), max(relative), min(psnr), model_ms, export_ms)


def _difference(
    name: str, found: np.ndarray, expected: np.ndarray, *, peak: float | None
) -> tuple[float, float, float]:
    """Return the largest difference, the same relative to the largest value, and the PSNR."""
    if found.shape != expected.shape:
        raise UserError(f"the export returns {found.shape} as {name} where the model returns {expected.shape}")
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(expected)
    if not expected.size:
        raise UserError(f"the model's output {name} is empty, {expected.shape}")
    if not finite.any():
        raise UserError(f"the model's output {name} has no finite values; give suitable inputs as `samples`")
    largest = float(np.abs(expected[finite]).max(initial=0.0)) or 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        difference = np.where(same, 0.0, found - expected)
        maximum = float(np.abs(difference).max(initial=0.0))
        psnr = 10 * np.log10((peak or largest) ** 2 / np.mean(difference**2))
    return maximum, maximum / largest, float(psnr)


def _timed(run: Run, inputs: Inputs, failure: str) -> tuple[Sequence[np.ndarray], float]:
    """Return the outputs and the time in milliseconds; `failure` begins the message where it fails."""
    try:
        outputs = run(*inputs)
    except Exception as error:  # each runtime has its own kinds
        raise UserError(f"{failure}: {one_line(error)}") from error
    times = []
    for _ in range(REPETITIONS):
        start = perf_counter()
        run(*inputs)
        times.append(perf_counter() - start)
    return outputs, median(times) * 1000


def describe(shapes: Sequence[Sequence[int]]) -> str:
    """Return the shapes of inputs in words: of one alone without its batch."""
    (count, *_), *_ = shapes
    sizes = describe_inputs(shapes).partition(" x ")[2]
    return f"{count} of {sizes}" if count > 1 else sizes


def describe_inputs(shapes: Sequence[Sequence[int]]) -> str:
    """Return the batch and the shapes of inputs as in a table: 2 x 512x512, of pictures without their channels."""
    sizes = [shape[1:3] if len(shape) == 4 and shape[3] in (1, 3, 4) else shape[1:] for shape in shapes]
    return f"{shapes[0][0]} x {' and '.join(describe_shape(tuple(size)) for size in sizes)}"


def require_agreement(comparisons: Sequence[Comparison], plan: ExportPlan) -> None:
    """Raise UserError unless every comparison is near enough (a value that is not a number is near nothing).

    Pictures, and whatever is quantised, need a PSNR; other models in float32 a largest difference.
    """
    min_psnr, max_difference = MIN_PSNR[plan.quantize], FORMATS[plan.format].max_difference
    for comparison in comparisons:
        psnr = f"PSNR {comparison.psnr:.1f} dB on {describe(comparison.shapes)}"
        relative = f"{comparison.relative:.3g} of the largest value"
        if not comparison.psnr >= min_psnr:
            raise UserError(
                f"the export differs from the model: {psnr}, max difference {comparison.max_difference:.3g}, "
                f"{relative}; at least {min_psnr:g} dB are required"
            )
        if not plan.makes_pictures and plan.quantize == "none" and not comparison.relative <= max_difference:
            raise UserError(
                f"the export differs from the model: max difference {comparison.max_difference:.3g}, {relative} on "
                f"{describe(comparison.shapes)}; at most {max_difference:g} of it is allowed"
            )


def try_in_opencv(path: Path, inputs: Inputs, expected: Sequence[np.ndarray], plan: ExportPlan) -> str | None:
    """Run an ONNX file in cv2.dnn and say in words how it went; None where OpenCV is not installed.

    Old programs load networks through it.

    Args:
        path: the file.
        inputs: in the order of the plan's inputs.
        expected: what ONNX Runtime returns for them.
        plan: what is exported, with its inputs and outputs.
    """
    if find_spec("cv2") is None:
        return None
    import cv2
    import onnx

    # tf2onnx computes sizes so for einsum, as in Keras' attention, at which OpenCV 4.11 ends the process.
    if any(node.op_type == "ReduceProd" for node in onnx.load(path).graph.node):
        return f"OpenCV {cv2.__version__} was not tried: it may crash on ReduceProd"
    try:
        with without_stderr():
            # The bytes: at a path that is not UTF-8 OpenCV 4.11 ends the process.
            network = cv2.dnn.readNetFromONNX(np.frombuffer(path.read_bytes(), np.uint8))
            for tensor, array in zip(plan.inputs, inputs, strict=True):
                network.setInput(array, tensor.name)
            found = network.forward(list(plan.outputs))
    except Exception as error:  # cv2.error, and whatever else old versions raise for what they do not know
        free = any(None in tensor.shape[1:] for tensor in plan.inputs)
        advice = "; it may if export_model.py --input-shape fixes the sizes" if free else ""
        return f"OpenCV {cv2.__version__} cannot run it: {_reason(error)}{advice}"
    return f"OpenCV {cv2.__version__} {_agreement(found, expected)}"


# OpenCV's messages begin with these, also those that it quotes.
PLACE_IN_OPENCV = re.compile(r"OpenCV\([^)]*\) \S+ error: ")


# Share of the largest value up to which OpenCV is said to run a network: its kernels round more than ONNX Runtime's.
MAX_IN_OPENCV = 1e-2


def _agreement(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> str:
    differences = []
    for mine, other in zip(found, expected, strict=True):
        if mine.shape != other.shape:
            return f"gives an output of {mine.shape} where ONNX Runtime has {other.shape}"
        largest = float(np.abs(other).max(initial=0.0)) or 1.0
        differences.append(float(np.abs(mine - other).max(initial=0.0)) / largest)
    how = "runs it" if max(differences) <= MAX_IN_OPENCV else "gives other numbers"
    return f"{how}: max difference from ONNX Runtime {max(differences):.1e} of the largest value"


def _reason(error: Exception) -> str:
    """Return what cv2 says without the places in its source."""
    return one_line(RuntimeError(PLACE_IN_OPENCV.sub("", str(error))))
