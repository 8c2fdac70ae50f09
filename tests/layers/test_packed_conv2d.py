"""The convolution of squares of pixels, beside Keras' own with the same weights."""

from contextlib import nullcontext

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

from layers import PackedConv2D, conv2d, plain_formulas


def pair_of_layers(filters, kernel_size, channels, **options):
    packed = PackedConv2D(filters, kernel_size, bias_initializer="random_normal", **options)
    usual = keras.layers.Conv2D(filters, kernel_size, **options)
    for layer in (packed, usual):
        layer.build((None, None, None, channels))
    usual.set_weights(packed.get_weights())
    return packed, usual


@pytest.mark.parametrize("size", [(12, 16), (13, 16), (12, 17), (13, 17), (9, 9)])
@pytest.mark.parametrize("kernel_size", [3, (2, 5), (1, 4), 9])
@pytest.mark.parametrize("filters", [1, 3])
def test_has_the_numbers_of_the_usual_convolution(size, kernel_size, filters):
    packed, usual = pair_of_layers(filters, kernel_size, 5)
    x = np.random.default_rng(0).standard_normal((2, *size, 5)).astype(np.float32)
    got = keras.ops.convert_to_numpy(packed(x))
    want = keras.ops.convert_to_numpy(usual(x))
    assert got.shape == want.shape == packed.compute_output_shape(x.shape)
    assert_allclose(got, want, atol=2e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="graphs for all sizes are TensorFlow's")
@pytest.mark.parametrize("plain", [False, True])
def test_one_graph_serves_even_and_odd_sizes(plain):
    import tensorflow as tf

    packed, usual = pair_of_layers(3, 9, 4)
    with plain_formulas() if plain else nullcontext():
        graph = tf.function(packed).get_concrete_function(tf.TensorSpec((None, None, None, 4)))
    for size in ((20, 24), (21, 24), (20, 23), (19, 9)):
        x = np.random.default_rng(2).standard_normal((1, *size, 4)).astype(np.float32)
        assert_allclose(graph(tf.constant(x)), usual(x), atol=2e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"padding": "same"},
        {"strides": 2},
        {"dilation_rate": 2},
        {"groups": 2, "filters": 4},
        {"data_format": "channels_first"},
    ],
)
def test_refuses_what_it_does_not_compute(options):
    with pytest.raises(ValueError, match="has no padding, stride 1"):
        PackedConv2D(**{"filters": 3, "kernel_size": 3, **options})


def test_is_taken_where_it_is_quicker():
    assert type(conv2d(3, 9)) is PackedConv2D
    assert type(conv2d(1, (1, 3), use_bias=False)) is PackedConv2D
    usual = [conv2d(16, 3), conv2d(3, 1), conv2d(3, 3, strides=2), conv2d(3, 3, padding="same"),
             conv2d(3, 3, dilation_rate=2), conv2d(4, 3, groups=2)]  # fmt: skip
    assert all(type(layer) is keras.layers.Conv2D for layer in usual)
