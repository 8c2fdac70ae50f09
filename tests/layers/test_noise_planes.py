"""Noise planes have no reference to equal, and so tests of their own: distribution, seeds, saving, compilation."""

import random

import keras
import numpy as np
import pytest

from layers import NoisePlanes
from layers.noise_planes import MODULI, position_noise

pytestmark = pytest.mark.backends


def values(tensor):
    return keras.ops.convert_to_numpy(tensor)


def picture(batch=2, height=30, width=40):
    return np.zeros((batch, height, width, 3), dtype=np.float32)


@pytest.mark.parametrize("training", [False, True])
def test_noise_is_uniform_and_independent(training):
    noise = values(NoisePlanes(4, seed=1)(picture(), training=training))
    assert noise.shape == (2, 30, 40, 4)
    assert noise.dtype == np.float32
    assert 0.0 <= noise.min() < 0.01
    assert 0.99 < noise.max() < 1.0
    assert abs(noise.mean() - 0.5) < 0.02
    assert abs(noise.std() - 12**-0.5) < 0.01
    planes = noise.transpose(0, 3, 1, 2).reshape(8, -1)
    neighbours = np.stack([noise[:, :-1].ravel(), noise[:, 1:].ravel()])
    assert np.abs(np.corrcoef(planes) - np.eye(8)).max() < 0.15
    assert abs(np.corrcoef(neighbours)[0, 1]) < 0.05


def test_noise_of_a_position_is_that_of_whole_numbers():
    """Computed again by Python's integers, at places where products and quotients are large."""
    height, width = 3, 2300
    found = values(position_noise((1, height, width, 2), 5))
    numbers = random.Random(5)
    drawn = [[int(numbers.random() * p)] + [numbers.random() for _ in range(8)] for p in MODULI]
    for y, x, plane in [(0, 0, 0), (2, 2299, 1), (1, 2038, 0), (2, 2026, 1), (0, 2040, 1)]:
        stirred = []
        for p, (state, *factors) in zip(MODULI, drawn, strict=True):
            for place, first, second in zip((0, plane, y, x), factors[::2], factors[1::2], strict=True):
                mixed = pow(place * (1 + int(first * (p - 1))) + state, 3, p)
                state = pow(mixed + state * (1 + int(second * 1000)), 3, p)
            stirred.append(state)
        exact = (sum(stirred) % MODULI[0] * MODULI[1] + stirred[1]) / (MODULI[0] * MODULI[1])
        assert abs(found[0, y, x, plane] - exact) < 1e-6


def test_noise_of_positions_is_white():
    noise = values(position_noise((1, 256, 256, 1), 2))[0, ..., 0] - 0.5
    power = np.abs(np.fft.fft2(noise)) ** 2 / noise.size * 12
    assert power.max() < 20  # of 65,536 exponentially distributed numbers, 11 is expected and 20 has odds of 1e-4
    counts, _, _ = np.histogram2d(noise[:, :-1].ravel(), noise[:, 1:].ravel(), 16)
    expected = counts.sum() / 256
    assert 150 < ((counts - expected) ** 2 / expected).sum() < 380  # chi squared of 255


def test_inference_repeats_and_training_does_not():
    layer = NoisePlanes(2, seed=7)
    still = values(layer(picture()))
    first, second = (values(layer(picture(), training=True)) for _ in range(2))
    np.testing.assert_array_equal(values(layer(picture())), still)
    assert np.abs(first - second).mean() > 0.2
    assert np.abs(values(NoisePlanes(2, seed=8)(picture())) - still).mean() > 0.2
    np.testing.assert_array_equal(values(NoisePlanes(2, seed=7)(picture(), training=True)), first)


def test_saved_layer_goes_on_where_it_stopped(tmp_path):
    inputs = keras.Input((None, None, 3))
    layer = NoisePlanes(2, seed=3, name="noise")
    model = keras.Model(inputs, layer(inputs))
    values(model(picture(), training=True))
    model.save(tmp_path / "noise.keras")
    loaded = keras.saving.load_model(tmp_path / "noise.keras")
    np.testing.assert_array_equal(values(loaded(picture())), values(model(picture())))
    np.testing.assert_array_equal(values(loaded(picture(), training=True)), values(model(picture(), training=True)))


def test_compiled_model_takes_several_sizes():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, NoisePlanes(2)(inputs))
    for shape in [(1, 5, 6), (2, 7, 4)]:
        noise = model.predict_on_batch(picture(*shape))
        assert noise.shape == (*shape, 2)
        np.testing.assert_array_equal(noise, values(model(picture(*shape))))


def test_mixed_precision_gives_noise_in_the_compute_type():
    noise = NoisePlanes(2, dtype="mixed_bfloat16")(picture())
    assert keras.backend.standardize_dtype(noise.dtype) == "bfloat16"
    assert np.abs(values(keras.ops.cast(noise, "float32")).mean() - 0.5) < 0.02


@pytest.mark.parametrize("arguments", [{"planes": 0}, {"planes": 2, "seed": -1}])
def test_wrong_arguments_are_named(arguments):
    with pytest.raises(ValueError, match="planes >= 1 and seed >= 0"):
        NoisePlanes(**arguments)
