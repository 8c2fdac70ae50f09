"""Rounding of wide convolutions to 8 bits, against the same network as it was."""

import keras
import numpy as np
import pytest

from layers import InstanceNormalization
from pipelines.export.int8 import round_convolutions

CHANNELS = 128
SIDE = 16


@pytest.fixture
def random():
    return np.random.default_rng(1)


@pytest.fixture
def pictures(random):
    return random.normal(size=(4, SIDE, SIDE, CHANNELS)).astype(np.float32)


def convolution(random: np.random.Generator, sizes: np.ndarray, **options) -> keras.layers.Conv2D:
    """A 3x3 convolution whose outputs are of these `sizes`."""
    layer = keras.layers.Conv2D(CHANNELS, 3, **options)
    layer.build((None, None, None, CHANNELS))
    kernel = random.normal(0, 1 / np.sqrt(9 * CHANNELS), (3, 3, CHANNELS, CHANNELS)) * sizes
    layer.set_weights([kernel, 3 * sizes] if layer.use_bias else [kernel])
    return layer


def errors(model: keras.Model, pictures: np.ndarray) -> np.ndarray:
    """Return how far each channel of the rounded model is from `model`, in its standard deviations."""
    rounded = round_convolutions(model, [[picture[None]] for picture in pictures])
    expected = model(pictures).numpy()
    squares = (rounded(pictures).numpy() - expected) ** 2
    return np.sqrt(squares.mean(axis=(0, 1, 2))) / expected.std(axis=(0, 1, 2))


def test_small_channels_are_rounded_as_finely_as_large_ones(random, pictures):
    image = keras.Input((None, None, CHANNELS))
    sizes = np.geomspace(1, 8, CHANNELS)
    x = keras.layers.ReLU()(InstanceNormalization()(convolution(random, sizes)(image)))
    x = InstanceNormalization()(convolution(random, random.permutation(sizes))(x))
    found = errors(keras.Model(image, x), pictures * random.permutation(sizes).astype(np.float32))
    # With the same steps for all, as they are, the worst channel is 0.07 off.
    assert found.max() < 0.025


def test_an_output_that_others_take_too_keeps_its_size(random, pictures):
    image = keras.Input((None, None, CHANNELS))
    x = convolution(random, np.ones(CHANNELS))(image)
    model = keras.Model(image, keras.layers.Add()([x, InstanceNormalization()(x)]))
    assert errors(model, pictures).max() < 0.025


def test_an_activation_sees_its_own_values(random, pictures):
    image = keras.Input((None, None, CHANNELS))
    x = convolution(random, np.ones(CHANNELS), activation="sigmoid")(image)
    model = keras.Model(image, InstanceNormalization()(x))
    assert errors(model, pictures).max() < 0.03


def test_the_network_itself_stays_as_it_was(random, pictures):
    image = keras.Input((None, None, CHANNELS))
    model = keras.Model(image, InstanceNormalization()(convolution(random, np.ones(CHANNELS))(image)))
    before = [weights.copy() for weights in model.get_weights()]
    assert errors(model, pictures).max() > 0  # it is rounded
    for weights, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, expected)


def test_a_convolution_without_bias_gets_none(random, pictures):
    image = keras.Input((None, None, CHANNELS))
    layer = convolution(random, np.ones(CHANNELS), use_bias=False, bias_initializer="ones")
    assert errors(keras.Model(image, layer(image)), pictures).max() < 0.03
