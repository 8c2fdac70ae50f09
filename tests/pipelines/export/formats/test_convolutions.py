"""Other forms of convolutions with the same numbers."""

import keras
import numpy as np
import pytest

from layers import DynamicConv2DTranspose, PackedConv2D, PaddedConv2DTranspose
from model.generators.registry import build_generator
from pipelines.export.formats.convolutions import DOUBLING, rewrite_convolutions, split_narrow_convolutions


def transposed(model):
    return [layer for layer in model._flatten_layers() if isinstance(layer, PaddedConv2DTranspose)]


@pytest.mark.parametrize("options", [{}, {"use_bias": False}, {"activation": "relu"}])
def test_doubling_the_size(options):
    inputs = keras.Input((None, None, 5))
    layer = PaddedConv2DTranspose(4, **DOUBLING, **options)
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.random.default_rng(0).standard_normal(weight.shape) for weight in layer.weights])
    split = rewrite_convolutions(model)
    assert not transposed(split)
    for size in ((6, 7), (1, 1), (3, 1)):
        x = np.random.default_rng(1).standard_normal((2, *size, 5)).astype(np.float32)
        np.testing.assert_allclose(split(x), model(x), atol=5e-6)


def test_a_generator_keeps_its_pictures():
    model = build_generator("johnson", widths=(4, 6, 8), blocks=1)
    split = rewrite_convolutions(model)
    assert len(transposed(model)) == 2
    assert not transposed(split)
    photo = np.random.default_rng(2).random((1, 23, 30, 3), dtype=np.float32)
    np.testing.assert_allclose(split(photo), model(photo), atol=1e-5)


def test_layers_may_have_the_names_that_keras_gives_new_ones():
    """As those of networks that were imported have: the export ended in a traceback."""
    x = inputs = keras.Input((8, 8, 4))
    x = PaddedConv2DTranspose(6, name="doubling", **DOUBLING)(x)
    number = 1 + int(keras.layers.Conv2D(1, 1).name.rpartition("_")[2] or 0)
    for i in range(number, number + 12):
        x = keras.layers.Conv2D(2, 1, name=f"conv2d_{i}")(x)
    model = keras.Model(inputs, x)
    split = rewrite_convolutions(model)
    pixels = np.random.default_rng(2).random((1, 8, 8, 4), dtype=np.float32)
    np.testing.assert_allclose(split(pixels), model(pixels), atol=1e-5)
    assert {layer.name for layer in model.layers[2:]} <= {layer.name for layer in split.layers}


@pytest.mark.parametrize(
    "change",
    [{"kernel_size": 4}, {"strides": 3}, {"padding": 0}, {"output_padding": 0}, {"dilation_rate": 2}, {"groups": 2}],
)
def test_others_stay(change):
    inputs = keras.Input((None, None, 4))
    layer = PaddedConv2DTranspose(4, **{**DOUBLING, **change})
    model = keras.Model(inputs, layer(inputs))
    assert transposed(rewrite_convolutions(model)) == [layer]


def test_kernels_that_are_computed_stay():
    inputs = [keras.Input((None, None, 4)), keras.Input(batch_shape=(3, 3, 4, 4))]
    layer = DynamicConv2DTranspose(4, **DOUBLING)
    assert transposed(rewrite_convolutions(keras.Model(inputs, layer(inputs)))) == [layer]


def convolutions(model):
    return [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Conv2D)]


@pytest.mark.parametrize("options", [{}, {"use_bias": False}, {"activation": "relu"}, {"kernel_size": (2, 3)}])
def test_convolution_of_a_picture(options):
    inputs = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(**{"filters": 8, "kernel_size": 9, "bias_initializer": "random_normal", **options})
    model = keras.Model(inputs, layer(inputs))
    suited = rewrite_convolutions(model)
    (found,) = convolutions(suited)
    assert found.kernel.shape[2] == 9
    for size in ((9, 9), (20, 17)):
        x = np.random.default_rng(1).standard_normal((2, *size, 3)).astype(np.float32)
        np.testing.assert_allclose(suited(x), model(x), atol=5e-6)


@pytest.mark.parametrize(
    "change",
    [{"kernel_size": 4}, {"kernel_size": 5}, {"strides": 2}, {"padding": "same"}, {"dilation_rate": 2}],
)
def test_other_convolutions_stay(change):
    inputs = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(**{"filters": 8, "kernel_size": 3, **change})
    model = keras.Model(inputs, layer(inputs))
    assert convolutions(rewrite_convolutions(model)) == [layer]


@pytest.mark.parametrize("options", [{}, {"use_bias": False}, {"activation": "tanh"}, {"kernel_size": (2, 3)}])
def test_narrow_convolutions(options):
    inputs = keras.Input((None, None, 6))
    layer = PackedConv2D(**{"filters": 3, "kernel_size": (9, 5), "bias_initializer": "random_normal", **options})
    model = keras.Model(inputs, layer(inputs))
    split = split_narrow_convolutions(model)
    assert layer not in convolutions(split)
    for size in ((9, 9), (20, 17)):
        x = np.random.default_rng(1).standard_normal((2, *size, 6)).astype(np.float32)
        expected = keras.ops.nn.conv(x, layer.kernel) + (layer.bias if layer.use_bias else 0)
        np.testing.assert_allclose(split(x), layer.activation(expected), atol=5e-6)


def test_convolutions_of_one_column_stay():
    inputs = keras.Input((None, None, 6))
    layer = PackedConv2D(3, (3, 1))
    assert convolutions(split_narrow_convolutions(keras.Model(inputs, layer(inputs)))) == [layer]
