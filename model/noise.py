"""The noise that a generator in texture mode turns into a picture."""

from __future__ import annotations

import keras
import numpy as np


def takes_noise(model: keras.Model) -> bool:
    """Say whether `model`, built or loaded, is a generator in texture mode: noise in, not a picture."""
    return [tensor.name for tensor in model.inputs] == ["noise"]


def draw_noise(model: keras.Model, height: int, width: int, *, seed: int, batch: int = 1) -> np.ndarray:
    """Return the noise of `batch` samples for a generator in texture mode.

    (batch, height, width, noise_depth), float32, independent, uniform in [0, 1); the same for a seed on every
    backend and machine.
    """
    shape = (batch, height, width, model.inputs[0].shape[-1])
    return np.random.default_rng(seed).random(shape, dtype=np.float32)
