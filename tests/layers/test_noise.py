"""Layers that draw random numbers, against NumPy with numbers that are given."""

import keras
import numpy as np
import pytest

from layers import FractionalMaxPooling, WhiteNoise

pytestmark = pytest.mark.backends


def numbers(*shape):
    return (
        np.random.default_rng(0).permutation(np.linspace(-1, 1, int(np.prod(shape)))).reshape(shape).astype("float32")
    )


def pooled(x, noise, pool, sizes):
    """Return what Graham's formula makes of (batch, height, width, channels), window by window."""
    result = np.empty((len(x), *sizes, x.shape[-1]), np.float32)
    for sample, channel in np.ndindex(len(x), x.shape[-1]):
        starts = [
            _starts(x.shape[axis + 1], sizes[axis], pool[axis], noise[sample, channel, 1 - axis]) for axis in (0, 1)
        ]
        for i, j in np.ndindex(*sizes):
            top, left = starts[0][i], starts[1][j]
            result[sample, i, j, channel] = x[sample, top : top + pool[0], left : left + pool[1], channel].max()
    return result


def _starts(size, count, pool, u):
    step = (size - pool) / (count - 1)
    return [*(int((i + u) * step) - int(u * step) for i in range(count - 1)), size - pool]


def test_fractional_pooling_follows_the_formula():
    x, noise = numbers(2, 10, 9, 3), np.random.default_rng(1).random((2, 3, 2)).astype("float32")
    layer = FractionalMaxPooling((2, 3), ratio=(0.7, 0.6))
    found = keras.ops.convert_to_numpy(layer([x, noise]))
    np.testing.assert_array_equal(found, pooled(x, noise, (2, 3), (7, 5)))


def test_fixed_samples_are_a_weight_and_serve_in_turn():
    noise = np.random.default_rng(1).random((2, 3, 2)).astype("float32")
    layer = FractionalMaxPooling((2, 2), output_size=(4, 3), samples_shape=noise.shape)
    x = numbers(3, 9, 7, 3)
    layer.build(x.shape)
    layer.samples.assign(noise)
    expected = pooled(x, noise[[0, 1, 0]], (2, 2), (4, 3))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(x)), expected)


@pytest.mark.parametrize(
    "layer", [WhiteNoise(0.4, 0.2, seed=3), FractionalMaxPooling((2, 2), ratio=(0.5, 0.5))], ids=lambda x: x.name
)
def test_layers_are_saved_and_repeat_at_inference(layer, tmp_path):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, layer(inputs))
    x = numbers(2, 8, 6, 3)
    first = keras.ops.convert_to_numpy(model(x))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(first, keras.ops.convert_to_numpy(again(x)))
    np.testing.assert_array_equal(first, keras.ops.convert_to_numpy(model(x)))


def test_white_noise_has_its_mean_and_deviation_in_training():
    x = np.zeros((100, 100), "float32")
    layer = WhiteNoise(0.4, 0.2, seed=3)
    noise = keras.ops.convert_to_numpy(layer(x, training=True))
    assert noise.mean() == pytest.approx(0.4, abs=0.01)
    assert noise.std() == pytest.approx(0.2, abs=0.01)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), 0.4, rtol=1e-6)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="either output_size or ratio"):
        FractionalMaxPooling((2, 2))
    with pytest.raises(ValueError, match="stddev >= 0"):
        WhiteNoise(0, -1)
