"""Converted networks against the outputs of real Torch7."""

import keras
import numpy as np
import pytest
from support.torch7_cases import CASES, Case

from convert.torch7.file.reader import read_t7
from convert.torch7.network import convert_network

# The other backends take every third, for the time they need.
THIRD = [pytest.param(c, marks=pytest.mark.backends) if i % 3 == 2 else c for i, c in enumerate(CASES)]


def nhwc(array):
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


@pytest.mark.parametrize("case", THIRD, ids=str)
def test_network_agrees_with_torch7(case: Case):
    given, expected = case.arrays()
    model = convert_network(read_t7(case.path)).model
    found = keras.ops.convert_to_numpy(model(nhwc(given)))
    # float64_diff is Torch7's own rounding error; see the reference files' description.
    tolerance = 4 * case.float64_diff + 2e-6 * np.abs(expected).max()
    np.testing.assert_allclose(found, nhwc(expected), rtol=0, atol=tolerance)
