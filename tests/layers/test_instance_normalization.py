"""Instance normalisation: the same numbers on every road."""

import keras
import numpy as np
import pytest

import layers
from tests.layers.gradients import layer_gradients

pytestmark = pytest.mark.backends


def picture(batch, size=24, mean=0.0, deviation=1.0, channels=5):
    generator = np.random.default_rng(0)
    return generator.normal(mean, deviation, (batch, size, size + 3, channels)).astype("float32")


def built(layer, channels=5):
    layer.build((None, None, None, channels))
    generator = np.random.default_rng(1)
    layer.set_weights([generator.normal(size=channels) for _ in layer.weights])
    return layer


def in_float64(x, epsilon):
    x = x.astype("float64")
    x -= x.mean((1, 2), keepdims=True)
    return x / np.sqrt(np.mean(x**2, (1, 2), keepdims=True) + epsilon)


@pytest.mark.parametrize("batch", [1, 3])
def test_agrees_with_group_normalization(batch):
    ours = built(layers.InstanceNormalization(epsilon=1e-3))
    theirs = keras.layers.GroupNormalization(groups=-1, epsilon=1e-3)
    theirs.build((None, None, None, 5))
    theirs.set_weights(ours.get_weights())
    x = picture(batch, mean=0.5)
    actual, expected = (keras.ops.convert_to_numpy(layer(x)) for layer in (ours, theirs))
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    cotangent = np.random.default_rng(2).normal(size=x.shape).astype("float32")
    gradients = [layer_gradients(layer, [x], cotangent) for layer in (ours, theirs)]
    for actual, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(actual, expected, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("epsilon", [0.0, 1e-7, 1e-5, 1e-3])
def test_epsilon_is_not_clamped(batch, epsilon):
    x = picture(batch, deviation=1e-3)
    layer = layers.InstanceNormalization(epsilon=epsilon, center=False, scale=False)
    actual = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(actual, in_float64(x, epsilon), atol=1e-4)


@pytest.mark.parametrize("batch", [1, 2])
def test_large_mean_does_not_swallow_the_variance(batch):
    x = picture(batch, size=96, mean=30.0)
    layer = layers.InstanceNormalization(center=False, scale=False)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), in_float64(x, 1e-5), atol=2e-4)


def test_flat_picture_gives_the_offset():
    layer = built(layers.InstanceNormalization())
    gamma, beta = layer.get_weights()
    actual = keras.ops.convert_to_numpy(layer(np.full((1, 4, 4, 5), 3.0, "float32")))
    np.testing.assert_allclose(actual, np.broadcast_to(beta, (1, 4, 4, 5)), atol=1e-6)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(layer(np.ones((1, 1, 1, 5), "float32")))[0, 0, 0], beta, atol=1e-6
    )
    assert gamma.shape == (5,)


@pytest.mark.parametrize("batch", [1, 3])
def test_plain_formula_has_the_same_numbers(batch):
    layer, x = built(layers.InstanceNormalization()), picture(batch)
    quick = keras.ops.convert_to_numpy(layer(x))
    with layers.plain_formulas():
        plain = keras.ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(plain, quick, atol=1e-5)


def test_large_picture_keeps_its_accuracy():
    """Sums over more than a million pixels: too long to be added one by one in float32."""
    x = np.random.default_rng(0).normal(0.3, 1.0, (1, 1500, 1235, 2)).astype("float32")
    layer = layers.InstanceNormalization(center=False, scale=False)
    inputs = keras.Input((None, None, 2))
    model = keras.Model(inputs, layer(inputs))
    expected = in_float64(x, 1e-5)
    for function in (layer, model.predict_on_batch):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(function(x)), expected, atol=2e-5)
