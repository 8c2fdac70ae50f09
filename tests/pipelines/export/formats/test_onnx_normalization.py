"""Normalisation over a large picture in ONNX files."""

import keras
import numpy as np
import onnxruntime

from layers import PictureNormalization
from model.saving import save_model
from pipelines.export.export import export_model


def test_statistics_of_a_large_picture_are_accurate(tmp_path):
    """ONNX Runtime's own sums over as many numbers are off by 1e-3."""
    image = keras.Input((None, None, 3), name="image")
    convolve = keras.layers.Conv2D(32, 1, kernel_initializer="ones", use_bias=False)
    normalized = PictureNormalization(center=False, scale=False)(convolve(image))
    save_model(keras.Model(image, normalized[..., :3]), tmp_path / "model.keras")
    export_model(input=tmp_path / "model.keras", output=tmp_path / "model.onnx", format="onnx", size=(32, 32))
    x = np.random.default_rng(0).random((1, 512, 512, 3), dtype=np.float32)
    (found,) = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"image": x})
    total = x.astype(np.float64).sum(-1, keepdims=True)
    expected = (total - total.mean()) / np.sqrt(total.var() + 1e-5)
    np.testing.assert_allclose(found, np.repeat(expected, 3, -1), atol=2e-5)
