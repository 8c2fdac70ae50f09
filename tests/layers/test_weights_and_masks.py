"""Layers whose output has other sizes than an input tells."""

import keras
import numpy as np
import pytest

from layers import MaskedSelect, Parameter

pytestmark = pytest.mark.backends


def test_parameter_returns_its_weight(tmp_path):
    inputs = keras.Input((None,))
    layer = Parameter((2, 3))
    model = keras.Model(inputs, keras.ops.matmul(inputs[:, :2], layer(inputs)))
    value = np.arange(6, dtype="float32").reshape(2, 3)
    layer.value.assign(value)
    x = np.array([[1, 2, 9]], "float32")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), x[:, :2] @ value)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(again(x)), x[:, :2] @ value)
    assert Parameter.from_config(layer.get_config()).get_config() == layer.get_config()


def test_masked_select_takes_elements_in_order():
    values = np.arange(12, dtype="float32").reshape(3, 4)
    mask = (np.arange(12).reshape(3, 4) % 5 == 1).astype("float32")
    found = keras.ops.convert_to_numpy(MaskedSelect()([values, mask]))
    np.testing.assert_array_equal(found, values[mask != 0])
