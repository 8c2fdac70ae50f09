"""Gram matrices against NumPy, in half precision too."""

import numpy as np
import pytest
from keras import ops

from describe.gram import gram_matrix

pytestmark = pytest.mark.backends


def test_gram_is_the_mean_product_of_features_over_positions():
    features = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")
    expected = np.einsum("bhwi,bhwj->bij", features, features) / 35
    result = gram_matrix(ops.convert_to_tensor(features))
    np.testing.assert_allclose(ops.convert_to_numpy(result), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_features_are_summed_in_float32(dtype):
    # Sums in bfloat16 stop growing at 256 and in float16 at 2048.
    features = ops.ones((1, 300, 300, 4), dtype=dtype)
    result = gram_matrix(features)
    assert result.dtype == ops.ones((), "float32").dtype
    np.testing.assert_allclose(ops.convert_to_numpy(result), 1.0, rtol=1e-6)
