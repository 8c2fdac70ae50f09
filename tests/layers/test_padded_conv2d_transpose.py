"""Sizes and values of transposed convolutions; over the combinations of arguments on the default backend."""

import itertools

import keras
import numpy as np
import pytest

import layers
from tests.layers import references

every_backend = pytest.mark.backends
SHAPES = list(itertools.product([1, 3, (4, 2)], [1, 2, (3, 2)], [0, 1, (0, 2)], [1, (2, 3)], [1, 2]))


def output_paddings(strides, dilation):
    """Return the output paddings that PyTorch allows: less than stride or dilation."""
    strides, dilation = (np.broadcast_to(value, 2) for value in (strides, dilation))
    return {(0, 0), tuple(int(limit) - 1 for limit in np.maximum(strides, dilation))}


@pytest.mark.parametrize(("kernel_size", "strides", "padding", "dilation", "groups"), SHAPES)
def test_matches_torch(kernel_size, strides, padding, dilation, groups):
    x = np.random.default_rng(0).normal(size=(1, 5, 6, 4)).astype("float32")
    for output_padding in output_paddings(strides, dilation):
        arguments = {
            "filters": 2,
            "kernel_size": kernel_size,
            "strides": strides,
            "padding": padding,
            "output_padding": output_padding,
            "dilation_rate": dilation,
            "groups": groups,
        }
        layer = layers.PaddedConv2DTranspose(**arguments)
        layer.build(x.shape)
        layer.bias.assign([0.5, -2.0])
        expected = references.transposed_convolution(x, layer.get_weights(), **arguments)
        assert layer.compute_output_shape(x.shape) == expected.shape
        np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), expected, atol=1e-5)


@every_backend
def test_weights_are_those_of_keras():
    ours = layers.PaddedConv2DTranspose(5, (3, 4))
    theirs = keras.layers.Conv2DTranspose(5, (3, 4))
    for layer in (ours, theirs):
        layer.build((None, None, None, 2))
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]


@every_backend
def test_asymmetric_padding_cuts_each_side():
    x = np.random.default_rng(0).normal(size=(1, 5, 6, 2)).astype("float32")
    layer = layers.PaddedConv2DTranspose(3, 4, 2, padding=((0, 2), (1, 0)))
    layer.build(x.shape)
    full = references.transposed_convolution(x, layer.get_weights(), filters=3, kernel_size=4, strides=2)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), full[:, :-2, 1:], atol=1e-5)


@every_backend
@pytest.mark.parametrize("arguments", [{"filters": 3, "groups": 2}, {"filters": 0}, {"filters": 2, "groups": 0}])
def test_filters_must_fit_the_groups(arguments):
    with pytest.raises(ValueError, match="filters must be"):
        layers.PaddedConv2DTranspose(kernel_size=3, **arguments)


@every_backend
def test_bad_inputs_are_refused():
    with pytest.raises(ValueError, match="multiple of groups"):
        layers.PaddedConv2DTranspose(2, 3, groups=2)(np.zeros((1, 4, 4, 3), "float32"))
    with pytest.raises(ValueError, match="nothing is left"):
        layers.PaddedConv2DTranspose(2, 3, padding=3)(keras.Input((4, 4, 3)))
