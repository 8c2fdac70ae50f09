"""Torch's and Caffe's rules of pooling; over all their combinations on the default backend."""

import itertools

import keras
import numpy as np
import pytest

import layers
from tests.layers import references

every_backend = pytest.mark.backends
SIZES = [(7, 9), (8, 6)]
RULES = [
    (pool_size, strides, padding, ceil_mode)
    for pool_size, strides in itertools.product([(2, 2), (3, 2), (4, 4)], [(1, 1), (2, 3), (3, 2)])
    for padding, ceil_mode in itertools.product([0, 1], [False, True])
    # Here PyTorch drops windows that Torch7 keeps: test_windows_beyond_the_picture.
    if padding or not ceil_mode or all(s <= k for s, k in zip(strides, pool_size, strict=True))
]


def picture(size, seed=0):
    return np.random.default_rng(seed).normal(size=(1, *size, 2)).astype("float32")


def numbers(x):
    return keras.ops.convert_to_numpy(x)


@pytest.mark.parametrize(("pool_size", "strides", "padding", "ceil_mode"), RULES)
def test_rules_match_torch(pool_size, strides, padding, ceil_mode):
    rules = {"pool_size": pool_size, "strides": strides, "padding": padding, "ceil_mode": ceil_mode}
    for size in SIZES:
        x = picture(size)
        pooled, indices = layers.PaddedMaxPooling2D(return_indices=True, **rules)(x)
        expected, places = references.max_pooling(x, None, return_indices=True, **rules)
        np.testing.assert_array_equal(numbers(pooled), expected)
        np.testing.assert_array_equal(numbers(indices), places)
        for include in (True, False):
            average = layers.PaddedAveragePooling2D(count_include_pad=include, **rules)(x)
            expected = references.average_pooling(x, None, count_include_pad=include, **rules)
            np.testing.assert_allclose(numbers(average), expected, atol=1e-6)


@pytest.mark.parametrize(("pool_size", "strides", "padding", "ceil_mode"), RULES)
def test_unpooling_undoes_pooling(pool_size, strides, padding, ceil_mode):
    rules = {"pool_size": pool_size, "strides": strides, "padding": padding}
    for size in SIZES:
        x = picture(size)
        pooled, indices = layers.PaddedMaxPooling2D(ceil_mode=ceil_mode, return_indices=True, **rules)(x)
        values = np.random.default_rng(1).normal(size=pooled.shape).astype("float32")
        actual = layers.MaxUnpooling2D(**rules)([values, indices, x])
        expected = references.max_unpooling(values, numbers(indices), x, None, **rules)
        np.testing.assert_array_equal(numbers(actual), expected)


@every_backend
def test_first_of_equal_maxima_counts():
    _, indices = layers.PaddedMaxPooling2D(3, 1, 1, return_indices=True)(np.zeros((1, 3, 3, 1), "float32"))
    assert numbers(indices)[0, :, :, 0].tolist() == [[4, 3, 3], [1, 0, 0], [1, 0, 0]]


@every_backend
def test_windows_beyond_the_picture():
    """Without padding Torch7 and Caffe keep a ceil-mode window that starts outside; with padding they drop it."""
    x = np.ones((1, 6, 6, 1), "float32")
    lowest = np.finfo("float32").min
    empty = numbers(layers.PaddedMaxPooling2D(1, 4, ceil_mode=True)(x))
    assert empty[0, :, :, 0].tolist() == [[1, 1, lowest], [1, 1, lowest], [lowest] * 3]
    assert layers.PaddedMaxPooling2D(2, 3, 1, ceil_mode=True)(x).shape == (1, 3, 3, 1)
    assert layers.PaddedMaxPooling2D((2, 1), 4, (1, 0), ceil_mode=True)(x).shape == (1, 2, 2, 1)


@every_backend
@pytest.mark.parametrize(
    "layer", [layers.PaddedMaxPooling2D, layers.PaddedAveragePooling2D, layers.DilatedMaxPooling2D]
)
def test_picture_smaller_than_the_window_is_refused(layer):
    with pytest.raises(ValueError, match="smaller than the pooling window"):
        layer((5, 2))(picture((4, 8)))
    with pytest.raises(ValueError, match="smaller than the pooling window"):
        layer((5, 2))(keras.Input((4, 8, 2)))
    assert layer((5, 2), ceil_mode=True)(picture((4, 8))).shape == (1, 1, 4, 2)


@every_backend
@pytest.mark.parametrize(
    "arguments", [{"pool_size": 0}, {"pool_size": (2, 2, 2)}, {"pool_size": 2, "strides": 0}, {"pool_size": "2"}]
)
@pytest.mark.parametrize("layer", [layers.PaddedMaxPooling2D, layers.PaddedAveragePooling2D, layers.MaxUnpooling2D])
def test_bad_arguments_are_refused(layer, arguments):
    with pytest.raises(ValueError, match=r"(pool_size|strides) must be"):
        layer(**arguments)
