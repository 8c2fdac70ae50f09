"""Winograd's algorithm beside the usual sums with the same weights."""

import keras
import numpy as np
import pytest
import torch
from torch.nn import functional

from layers import ReplicationPadding2D, WinogradConv2D, winograd_conv2d
from layers.winograd import BACK_INPUTS, BACK_RESULTS, INPUTS, KERNELS, RESULTS
from tests.layers.gradients import layer_gradients

pytestmark = pytest.mark.backends


def pair_of_layers(channels, filters, **options):
    """The same weights in every run and on every backend: bounds on rounding errors must not hang on chance."""
    winograd = WinogradConv2D(filters, **options)
    usual = keras.layers.Conv2D(filters, 3)
    random = np.random.default_rng(3)
    weights = [random.standard_normal((3, 3, channels, filters)) / 3 / channels**0.5, random.standard_normal(filters)]
    for layer in (winograd, usual):
        layer.build((None, None, None, channels))
        layer.set_weights(weights)
    return winograd, usual


@pytest.mark.parametrize(("inputs", "results", "step"), [(INPUTS, RESULTS, 1), (BACK_INPUTS, BACK_RESULTS, -1)])
def test_matrices_are_an_identity(inputs, results, step):
    """For each pixel of a tile and each of a kernel, 1 where the two meet in a result and 0 elsewhere."""
    found = np.einsum("rp,pi,pk->rik", results, inputs, KERNELS)
    expected = np.zeros((4, 4, 6, 6, 3, 3))
    for row, column, down, right in np.ndindex(4, 4, 3, 3):
        expected[row, column, row + down, column + right, [down, 2 - down][step < 0], [right, 2 - right][step < 0]] = 1
    np.testing.assert_allclose(found, expected.reshape(16, 36, 9), atol=1e-12)


# The last ones need more than one band of tiles.
@pytest.mark.parametrize("size", [(1, 3, 3), (2, 4, 4), (1, 5, 18), (3, 19, 6), (1, 40, 64), (2, 33, 47)])
def test_has_the_numbers_of_the_usual_convolution(size):
    winograd, usual = pair_of_layers(128, 5)
    x = np.random.default_rng(0).standard_normal((*size, 128)).astype(np.float32)
    got, want = (keras.ops.convert_to_numpy(layer(x)) for layer in (winograd, usual))
    np.testing.assert_allclose(got, want, atol=2e-5)


def test_result_is_right_to_the_rounding_of_float32():
    x = np.maximum(np.random.default_rng(1).standard_normal((1, 32, 32, 128)), 0).astype(np.float32)
    layer, _ = pair_of_layers(128, 128, edges="replication")
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    kernel, bias = (weight.astype(np.float64) for weight in layer.get_weights())
    windows = np.lib.stride_tricks.sliding_window_view(padded.astype(np.float64), (3, 3), axis=(1, 2))
    exact = np.einsum("bhwcij,ijcf->bhwf", windows, kernel, optimize=True) + bias
    error = keras.ops.convert_to_numpy(layer(x)) - exact
    # The sums of 1152 products in the usual order are at 4e-7 on TensorFlow.
    assert np.sqrt(np.mean(error**2)) < 1e-6 * exact.std()
    assert np.abs(error).max() < 1e-5 * exact.std()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="graphs for all sizes are TensorFlow's")
def test_one_graph_serves_all_sizes():
    import tensorflow as tf

    winograd, usual = pair_of_layers(128, 3, edges="replication")
    graph = tf.function(winograd).get_concrete_function(tf.TensorSpec((None, None, None, 128)))
    for size in ((1, 20, 24), (2, 41, 70), (1, 1, 9)):
        x = np.random.default_rng(2).standard_normal((*size, 128)).astype(np.float32)
        np.testing.assert_allclose(graph(tf.constant(x)), usual(ReplicationPadding2D(1)(x)), atol=2e-5)


PYTORCH_MODES = {"reflection": "reflect", "zeros": "constant"}


@pytest.mark.parametrize(
    ("edges", "activation"), [(None, None), (None, "relu"), ("zeros", "relu"), ("zeros", "tanh"), ("reflection", None)]
)
@pytest.mark.parametrize("min_positions", [0, 1000])
def test_frozen_it_has_pytorchs_gradient(edges, activation, min_positions, monkeypatch):
    """Also where the map is too small for the algorithm to pay."""
    monkeypatch.setattr(winograd_conv2d, "MIN_POSITIONS", min_positions)
    layer, _ = pair_of_layers(128, 6, edges=edges, activation=activation)
    layer.freeze()
    random = np.random.default_rng(4)
    x = random.standard_normal((2, 13, 18, 128), dtype=np.float32)
    pictures = torch.tensor(np.moveaxis(x, -1, 1), requires_grad=True)
    grown = pictures if edges is None else functional.pad(pictures, (1, 1, 1, 1), mode=PYTORCH_MODES[edges])
    kernel, bias = (torch.tensor(weight) for weight in layer.get_weights())
    results = functional.conv2d(grown, kernel.permute(3, 2, 0, 1), bias)
    results = results if activation is None else getattr(torch, activation)(results)
    slopes = random.standard_normal(results.shape, dtype=np.float32)
    (expected,) = torch.autograd.grad(results, pictures, torch.tensor(slopes))
    assert not layer.trainable_variables
    (found,) = layer_gradients(layer, [x], np.moveaxis(slopes, 1, -1))
    np.testing.assert_allclose(np.moveaxis(found, -1, 1), expected.numpy(), atol=2e-5)


def test_unknown_edges_are_refused():
    with pytest.raises(ValueError, match="edges must be one of replication, reflection, circular, zeros, not 'mirror'"):
        WinogradConv2D(3, edges="mirror")


@pytest.mark.parametrize("options", [{"padding": "same"}, {"strides": 2}, {"dilation_rate": 2}, {"groups": 2}])
def test_refuses_what_it_does_not_compute(options):
    with pytest.raises(ValueError, match=r"WinogradConv2D .* has no padding, stride 1"):
        WinogradConv2D(**{"filters": 4, **options})
