"""Networks with quicker layers beside the same networks without."""

import keras
import numpy as np
import pytest

from layers import CircularPadding2D, ReflectionPadding2D, ReplicationPadding2D, WinogradConv2D
from model.acceleration import accelerate
from model.generators.registry import build_generator


def winograds(model):
    return [layer for layer in model._flatten_layers() if isinstance(layer, WinogradConv2D)]


def assert_same_numbers(model, quick, channels, atol=1e-5):
    x = np.random.default_rng(0).random((1, 22, 35, channels), dtype=np.float32)
    np.testing.assert_allclose(quick(x), model(x), atol=atol)


@pytest.mark.parametrize(("mode", "edges"), [("style", "replication"), ("texture", "circular")])
def test_residual_blocks_of_a_generator(mode, edges):
    model = build_generator("johnson", mode=mode)
    quick = accelerate(model)
    assert [layer.edges for layer in winograds(quick)] == [edges] * 10
    paddings = [layer for layer in quick.layers if "residual" in layer.name and layer.name.endswith("_pad")]
    assert not paddings
    assert_same_numbers(model, quick, 3)


def test_same_numbers_in_half_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_generator("johnson")
    finally:
        keras.config.set_dtype_policy("float32")
    quick = accelerate(model)
    assert {layer.compute_dtype for layer in winograds(quick)} == {"bfloat16"}
    assert_same_numbers(model, quick, 3, atol=0.1)


def test_paddings_of_other_widths_or_kinds_stay():
    x = inputs = keras.Input((None, None, 128))
    for padding in (ReflectionPadding2D(1), ReplicationPadding2D(2), keras.layers.ZeroPadding2D(1)):
        x = keras.layers.Conv2D(128, 3, activation="relu")(padding(x))
    model = keras.Model(inputs, x)
    quick = accelerate(model)
    assert [layer.edges for layer in winograds(quick)] == ["reflection", None, None]
    assert_same_numbers(model, quick, 128, atol=1e-4)


def test_padding_whose_result_goes_elsewhere_too():
    inputs = keras.Input((None, None, 128))
    padded = CircularPadding2D(1)(inputs)
    shared = keras.layers.Conv2D(128, 3)
    model = keras.Model(inputs, keras.layers.Add()([shared(padded), shared(padded), padded[:, 1:-1, 1:-1]]))
    quick = accelerate(model)
    assert [layer.edges for layer in winograds(quick)] == ["circular"] * 2
    assert_same_numbers(model, quick, 128)


def test_models_within_models():
    inner = keras.Sequential([keras.Input((None, None, 128)), ReplicationPadding2D(1), keras.layers.Conv2D(128, 3)])
    model = keras.Sequential([keras.Input((None, None, 128)), inner, keras.layers.ReLU()])
    assert_same_numbers(model, accelerate(model), 128)


@pytest.mark.parametrize(
    "options",
    [{"strides": 2}, {"padding": "same"}, {"dilation_rate": 2}, {"groups": 2}, {"kernel_size": 5}, {"filters": 64}],
)
def test_other_convolutions_stay(options):
    inputs = keras.Input((None, None, 128))
    model = keras.Model(inputs, keras.layers.Conv2D(**{"filters": 128, "kernel_size": 3, **options})(inputs))
    assert not winograds(accelerate(model))


def test_with_a_gpu_nothing_is_changed(monkeypatch):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind: ["gpu:0"] if kind == "gpu" else [])
    model = build_generator("johnson")
    assert accelerate(model) is model
