"""Leaky rectifiers behind sums, in graphs, against calls that are no graphs."""

import keras
import numpy as np
import pytest
from keras import ops

from model.leaky_relu import with_exact_slopes

PIXELS = np.random.default_rng(0).normal(size=(1, 12, 10, 3)).astype(np.float32)


def residual_model(rectify):
    x = keras.Input((None, None, 3))
    y = keras.layers.Conv2D(4, 3, padding="same", bias_initializer="ones")(x)
    z = keras.layers.Conv2D(4, 3, padding="same")(y)
    return keras.Model(x, rectify(keras.layers.Add()([y, z])))


@pytest.mark.parametrize(
    "rectify",
    [
        keras.layers.LeakyReLU(0.1),
        lambda y: ops.leaky_relu(y, 0.4),
        lambda y: keras.Model(x := keras.Input(y.shape[1:]), keras.layers.LeakyReLU(0.1)(x))(y),
    ],
    ids=["layer", "operation", "inner model"],
)
def test_models_of_others_are_right_in_graphs(rectify):
    model = residual_model(rectify)
    expected = ops.convert_to_numpy(model(PIXELS))
    found = with_exact_slopes(model).predict_on_batch(PIXELS)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_model_with_nothing_to_mend_is_returned_itself():
    model = residual_model(keras.layers.ReLU())
    assert with_exact_slopes(model) is model
