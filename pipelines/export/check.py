"""Comparing an export, run by its own runtime, with the Keras model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import keras
import numpy as np
import tensorflow as tf

from errors import UserError, one_line

Run = Callable[[np.ndarray], np.ndarray]
REPETITIONS = 3


@dataclass(frozen=True)
class Comparison:
    """An export and the Keras model on the same input.

    Attributes:
        shape: batch, height and width of the input.
        max_difference: largest difference of a value; pictures are in [0, 1].
        psnr: peak signal-to-noise ratio in dB, of a peak of 1; infinite where there is no difference.
        model_ms: time of the Keras model, compiled, in milliseconds: the median of REPETITIONS after a first run.
        export_ms: the same of the export.
    """

    shape: tuple[int, int, int]
    max_difference: float
    psnr: float
    model_ms: float
    export_ms: float


def compare(model: keras.Model, run: Run, batches: Sequence[np.ndarray]) -> list[Comparison]:
    """Run both on every batch (count, height, width, channels), float32.

    Raises:
        UserError: the model or the export fails, or their outputs have different shapes or no pixels.
    """
    spec = tf.TensorSpec((None, None, None, model.inputs[0].shape[-1]), tf.float32)
    compiled = tf.function(lambda images: model(images, training=False), input_signature=[spec])
    return [_compare(lambda images: compiled(images).numpy(), run, images) for images in batches]


def _compare(model: Run, export: Run, images: np.ndarray) -> Comparison:
    try:
        expected, model_ms = _timed(model, images)
    except Exception as error:  # a foreign model may fail in any way, at sizes that it cannot take for one
        raise UserError(f"the model fails on {describe(images.shape)}: {one_line(error)}") from error
    if expected.size == 0:
        raise UserError(f"the model makes an empty picture, {expected.shape}, of {describe(images.shape)}")
    try:
        found, export_ms = _timed(export, images)
    except Exception as error:  # each runtime has its own kinds
        raise UserError(f"the export fails on {describe(images.shape)}: {one_line(error)}") from error
    if found.shape != expected.shape:
        raise UserError(f"the export returns {found.shape} where the model returns {expected.shape}")
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = found.astype(np.float64) - expected
        psnr = -10 * np.log10(np.mean(difference**2))
    return Comparison(images.shape[:3], float(np.abs(difference).max()), float(psnr), model_ms, export_ms)


def _timed(run: Run, images: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the output and the time in milliseconds."""
    output = run(images)
    times = []
    for _ in range(REPETITIONS):
        start = perf_counter()
        run(images)
        times.append(perf_counter() - start)
    return output, median(times) * 1000


def describe(shape: Sequence[int]) -> str:
    """Return (batch, height, width, ...) in words."""
    count, height, width = shape[:3]
    return f"{count} of {height}x{width}" if count > 1 else f"{height}x{width}"


def require_psnr(comparisons: Sequence[Comparison], least: float) -> None:
    """Raise UserError unless every comparison reached `least` dB (a value that is not a number reaches nothing)."""
    for comparison in comparisons:
        if not comparison.psnr >= least:
            raise UserError(
                f"the export differs from the model: PSNR {comparison.psnr:.1f} dB on {describe(comparison.shape)}, "
                f"max difference {comparison.max_difference:.3g}; at least {least:g} dB are required"
            )
