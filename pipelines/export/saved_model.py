"""TensorFlow's SavedModel: for servers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from model.acceleration import accelerate
from pipelines.export.graph import OUTPUT, SIGNATURE, holder_of, picture_function, trace


def write_saved_model(model: keras.Model, path: Path) -> None:
    """Write `model` as a SavedModel folder; its signature takes batches of any number and size."""
    model = accelerate(model)
    graph = trace(picture_function(model, (None, None, None), plain=False))
    tf.saved_model.save(holder_of(model), str(path), signatures={SIGNATURE: graph})


def load_saved_model(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return what runs a SavedModel through its signature."""
    loaded = tf.saved_model.load(str(path))
    (name,) = loaded.signatures[SIGNATURE].structured_input_signature[1]

    def run(images: np.ndarray) -> np.ndarray:
        return loaded.signatures[SIGNATURE](**{name: tf.constant(images)})[OUTPUT].numpy()

    return run
