"""The noise that a generator in texture mode turns into a picture."""

from __future__ import annotations

import keras
import numpy as np


def takes_noise(model: keras.Model) -> bool:
    """Say whether `model`, built or loaded, is a generator in texture mode: noise in, not a picture."""
    inputs = getattr(model, "inputs", None) or []  # models that are not built have none
    return [tensor.name for tensor in inputs] == ["noise"]


def draw_noise(model: keras.Model, height: int, width: int, *, seed: int, batch: int = 1) -> np.ndarray:
    """Return the noise of `batch` samples for a generator in texture mode.

    Args:
        model: the generator, whose input tells the number of noise planes.
        height: rows of each sample.
        width: columns.
        seed: of all noise; the same numbers on every backend and machine.
        batch: number of samples.

    Returns:
        (batch, height, width, planes), float32, independent, uniform in [0, 1).
    """
    shape = (batch, height, width, model.inputs[0].shape[-1])
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def draw_noise_rows(rows: range, width: int, depth: int, *, seed: int) -> np.ndarray:
    """Return some rows of what `draw_noise` gives for the same seed: float32 (rows, width, depth).

    Args:
        rows: of the first sample; the numbers before them must be even in number, as they are for an even width.
        width: columns.
        depth: planes of noise.
        seed: of all noise.
    """
    generator = np.random.PCG64(seed)
    generator.advance(rows.start * width * depth // 2)  # each state gives two numbers of 32 bits
    return np.random.Generator(generator).random((len(rows), width, depth), dtype=np.float32)
