"""Weights of the styles of an exported model."""

import numpy as np
import pytest

from runtimes.graph import GraphError, TensorInfo
from runtimes.styles import style_row

GIVEN = TensorInfo("style", (None, 2), "float32")


def test_weights_become_shares():
    np.testing.assert_allclose(style_row(GIVEN, [1, 3]), [[0.25, 0.75]])
    assert style_row(GIVEN, [1, 3]).dtype == np.float32


def test_weights_beyond_float32_become_shares_too():
    for weight in (3e38, 1.5e308):
        np.testing.assert_allclose(style_row(GIVEN, [weight, weight]), [[0.5, 0.5]])


@pytest.mark.parametrize("weights", [[1], [0, 0], [-1, 2], [np.nan, 1], [np.inf, 1]])
def test_other_weights_are_refused(weights):
    with pytest.raises(GraphError, match="weight"):
        style_row(GIVEN, weights)
