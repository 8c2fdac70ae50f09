"""Functions of converters, in each runtime that networks leave for."""

import keras
import numpy as np
import pytest

from convert.functions import largest, softplus
from model.saving import save_model
from pipelines.export.export import export_model
from runtimes.loading import load_graph

X = np.linspace(-120, 120, 49, dtype=np.float32)[None]


@pytest.mark.backends
def test_softplus_is_finite_for_large_numbers():
    np.testing.assert_allclose(keras.ops.convert_to_numpy(softplus(X)), np.logaddexp(0, X.astype(float)), atol=1e-6)


def exported(function, folder, name, format):
    """Return what the export of a network of `function` alone makes of X."""
    given = keras.Input((X.shape[1],), name="x")
    save_model(keras.Model(given, function(given)), folder / "network.keras")
    np.savez(folder / "samples.npz", x=X)
    samples = folder / "samples.npz"
    export_model(input=folder / "network.keras", output=folder / name, format=format, samples=samples)
    (found,) = load_graph(folder / name)(X)
    return found


@pytest.mark.parametrize(("name", "format"), [("network.onnx", "onnx"), ("network.tflite", "litert")])
def test_softplus_stays_so_in_exports(tmp_path, name, format):
    found = exported(softplus, tmp_path, name, format)
    np.testing.assert_allclose(found, np.logaddexp(0, X.astype(float)), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "format"), [("network", "saved_model"), ("network.onnx", "onnx"), ("network.tflite", "litert")]
)
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_the_largest_of_numbers_and_their_multiples(tmp_path, name, format, factor):
    found = exported(lambda x: largest([x, factor * x]), tmp_path, name, format)
    np.testing.assert_array_equal(found, np.maximum(X, factor * X))


@pytest.mark.backends
def test_the_largest_of_numbers_is_found_in_graphs():
    given = keras.Input((X.shape[1],))
    model = keras.Model(given, largest([given, 2.0 * given, -3.0 * given]))
    np.testing.assert_array_equal(model.predict(X, verbose=0), np.maximum(2 * X, -3 * X))
