"""Modules of further packages and of published programs against PyTorch."""

import keras
import numpy as np
import pytest
from support.torch7_packages import CASES

from convert.axes import array_from_source_order, array_to_source_order
from convert.torch7.builder import BuildOptions
from convert.torch7.network import convert_network

pytestmark = pytest.mark.backends


@pytest.mark.parametrize("name", CASES)
def test_module_agrees_with_pytorch(name):
    case = CASES[name]
    model = convert_network(case.network, BuildOptions(case.shapes, batch=True)).model
    inputs = [array_from_source_order(x.numpy()) for x in case.inputs]
    outputs = model(inputs if len(inputs) > 1 else inputs[0])
    outputs = outputs if isinstance(outputs, list) else [outputs]
    assert len(outputs) == len(case.outputs)
    for found, expected in zip(outputs, case.outputs, strict=True):
        array = array_to_source_order(keras.ops.convert_to_numpy(found))
        np.testing.assert_allclose(array, expected.numpy(), rtol=1e-4, atol=1e-5)
