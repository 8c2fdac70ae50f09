"""The one layer without a reference: its noise differs from backend to backend."""

import keras
import numpy as np
import pytest
import scipy.stats

import layers

pytestmark = pytest.mark.backends


def noise_of(function, shape, **options):
    return keras.ops.convert_to_numpy(function(np.zeros(shape, "float32"), **options))


def test_noise_is_uniform_and_independent():
    noise = noise_of(layers.NoisePlanes(4, seed=7), (2, 40, 50, 3))
    assert noise.shape == (2, 40, 50, 4)
    assert scipy.stats.kstest(noise.ravel(), "uniform").pvalue > 1e-3
    planes = np.moveaxis(noise, -1, 1).reshape(8, -1)
    assert np.abs(np.corrcoef(planes) - np.eye(8)).max() < 0.1


def test_inference_repeats_its_noise_and_training_does_not():
    layer = layers.NoisePlanes(2, seed=7)
    np.testing.assert_array_equal(noise_of(layer, (1, 5, 6, 3)), noise_of(layer, (1, 5, 6, 3)))
    draws = [noise_of(layer, (1, 5, 6, 3), training=True) for _ in range(2)]
    assert np.abs(draws[0] - draws[1]).max() > 0.1
    assert np.abs(noise_of(layers.NoisePlanes(2, seed=8), (1, 5, 6, 3)) - noise_of(layer, (1, 5, 6, 3))).max() > 0.1


def test_one_model_takes_different_sizes_and_reloads(tmp_path):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, layers.NoisePlanes(2)(inputs))
    assert model.output_shape == (None, None, None, 2)
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    for shape in ((1, 5, 6, 3), (2, 7, 4, 3)):
        noise = noise_of(model, shape)
        assert noise.shape == (*shape[:3], 2)
        np.testing.assert_array_equal(noise, noise_of(reloaded, shape))
        np.testing.assert_array_equal(noise, noise_of(model.predict_on_batch, shape))


def test_mixed_precision():
    noise = layers.NoisePlanes(2, dtype="mixed_bfloat16")(np.zeros((1, 5, 6, 3), "float32"))
    assert keras.backend.standardize_dtype(noise.dtype) == "bfloat16"


@pytest.mark.parametrize("arguments", [{"planes": 0}, {"planes": 1, "seed": -1}])
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match="NoisePlanes needs"):
        layers.NoisePlanes(**arguments)
