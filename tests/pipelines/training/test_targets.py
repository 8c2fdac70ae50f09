"""What a generator's pictures are compared in."""

import numpy as np
import pytest
from keras import ops
from support.training_cases import make_inputs, small_settings

from pipelines.training.files import read_styles
from pipelines.training.plan import plan_training

pytestmark = pytest.mark.backends


def test_a_mirrored_border_is_that_of_numpy(tmp_path):
    """Beside pictures, photos and a painting to which NumPy has given the border."""
    make_inputs(tmp_path)
    (style,) = read_styles(small_settings(tmp_path, tmp_path)).values()
    pictures, photos = np.random.default_rng(0).random((2, 2, 32, 32, 3), np.float32)

    def terms(border, *arrays):
        objective = plan_training(
            small_settings(tmp_path, tmp_path, mirrored_border=border, precision="float32")
        ).objective.build([arrays[0][0]])
        found = objective.terms(*map(ops.convert_to_tensor, arrays[1:]))
        return np.array([float(ops.convert_to_numpy(found[name])) for name in ("style", "content")])

    arrays = (style[np.newaxis], pictures, photos)
    padded = [np.pad(array, ((0, 0), (5, 5), (5, 5), (0, 0)), "reflect") for array in arrays]
    np.testing.assert_allclose(terms(5, *arrays), terms(0, *padded), rtol=1e-4)
    assert np.abs(terms(5, *arrays) / terms(0, *arrays) - 1).min() > 5e-4
