"""Functions of converters, in each runtime that networks leave for."""

import keras
import numpy as np
import pytest

from convert.functions import softplus
from model.saving import save_model
from pipelines.export.export import export_model
from runtimes.loading import load_graph

X = np.linspace(-120, 120, 49, dtype=np.float32)[None]


@pytest.mark.backends
def test_softplus_is_finite_for_large_numbers():
    np.testing.assert_allclose(keras.ops.convert_to_numpy(softplus(X)), np.logaddexp(0, X.astype(float)), atol=1e-6)


@pytest.mark.parametrize(("name", "format"), [("network.onnx", "onnx"), ("network.tflite", "litert")])
def test_softplus_stays_so_in_exports(tmp_path, name, format):
    given = keras.Input((X.shape[1],), name="x")
    save_model(keras.Model(given, softplus(given)), tmp_path / "network.keras")
    np.savez(tmp_path / "samples.npz", x=X)
    samples = tmp_path / "samples.npz"
    export_model(input=tmp_path / "network.keras", output=tmp_path / name, format=format, samples=samples)
    (found,) = load_graph(tmp_path / name)(X)
    np.testing.assert_allclose(found, np.logaddexp(0, X.astype(float)), atol=1e-6)
