"""The convolution of squares of pixels, beside Keras' own with the same weights."""

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


def test_without_bias_and_with_an_activation():
    packed, usual = pair_of_layers(3, 3, 4, use_bias=False, activation="tanh")
    x = np.random.default_rng(1).standard_normal((1, 10, 8, 4)).astype(np.float32)
    got, want = (keras.ops.convert_to_numpy(layer(x)) for layer in (packed, usual))
    assert_allclose(got, want, atol=2e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="graphs for all sizes are TensorFlow's")
@pytest.mark.parametrize("plain", [False, True])
def test_one_graph_serves_even_and_odd_sizes(plain):
    import tensorflow as tf

    packed, usual = pair_of_layers(3, 9, 4)
    with plain_formulas() if plain else pytest.MonkeyPatch.context():
        graph = tf.function(packed).get_concrete_function(tf.TensorSpec((None, None, None, 4)))
    for size in ((20, 24), (21, 24), (20, 23), (19, 9)):
        x = np.random.default_rng(2).standard_normal((1, *size, 4)).astype(np.float32)
        assert_allclose(graph(tf.constant(x)), usual(x), atol=2e-6)


def test_gradients_are_those_of_the_usual_convolution():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("by TensorFlow's tape")
    import tensorflow as tf

    x = tf.constant(np.random.default_rng(3).standard_normal((1, 12, 12, 4)).astype(np.float32))
    found = []
    for layer in pair_of_layers(3, 5, 4):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.square(layer(x)))
        found.append(tape.gradient(loss, [x, *layer.trainable_variables]))
    for got, want in zip(*found, strict=True):
        assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def test_computes_in_the_layers_precision():
    layer = PackedConv2D(3, 3, dtype="mixed_bfloat16")
    y = layer(np.ones((1, 8, 8, 4), np.float32))
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert keras.backend.standardize_dtype(layer.kernel.dtype) == "float32"


def test_is_saved_and_loaded(tmp_path):
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, PackedConv2D(3, 3)(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again.layers[-1]) is PackedConv2D
    x = np.random.default_rng(4).standard_normal((1, 8, 8, 4)).astype(np.float32)
    assert_allclose(again.predict_on_batch(x), model.predict_on_batch(x), rtol=0, atol=0)


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
