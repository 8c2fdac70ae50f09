"""ExactLeakyReLU against PyTorch, by itself and behind a sum of convolutions in a graph."""

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from keras import ops

from layers import ExactLeakyReLU

pytestmark = pytest.mark.backends


@pytest.mark.parametrize("slope", [0, 0.1, 1.0, 1.5, -0.2])
def test_negative_values_have_the_slope(slope):
    x = np.array([-np.inf, -3, -1e-30, 0, 2, np.inf], np.float32)
    expected = F.leaky_relu(torch.tensor(x), slope).numpy()
    expected[0] = -np.inf * slope if slope else 0  # PyTorch's 0 times infinity
    found = ops.convert_to_numpy(ExactLeakyReLU(slope)(ops.convert_to_tensor(x)))
    np.testing.assert_array_equal(found, expected)


def test_behind_a_sum_of_convolutions():
    x = keras.Input((None, None, 3))
    convolution = keras.layers.Conv2D(4, 3, padding="same", bias_initializer="ones")
    y = keras.layers.Add()([convolution(x), keras.layers.Conv2D(4, 3, padding="same")(x)])
    whole, sums = keras.Model(x, ExactLeakyReLU(0.1)(y)), keras.Model(x, y)
    pixels = np.random.default_rng(0).normal(size=(1, 12, 10, 3)).astype(np.float32)
    expected = F.leaky_relu(torch.tensor(sums.predict_on_batch(pixels)), 0.1).numpy()
    np.testing.assert_allclose(whole.predict_on_batch(pixels), expected, atol=1e-6)
