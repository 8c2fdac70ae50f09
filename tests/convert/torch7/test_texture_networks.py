"""The texture networks of 2016 at sizes that nobody recorded: in float32 they are what they are in float64."""

import json

import keras
import numpy as np
import pytest

from convert.torch7.builder import BuildOptions
from convert.torch7.file.reader import read_t7
from convert.torch7.network import convert_network

TEXTURES = ("bricks.png_model", "red-peppers256.o.jpg_model")


def network(path, shapes):
    return convert_network(read_t7(path), BuildOptions(shapes, batch=True, noise="input")).model


def made(path, size, floatx):
    """Return what a network of noise makes of recorded noise."""
    before = keras.config.floatx()
    keras.config.set_floatx(floatx)
    try:
        model = network(path, ((None, 3, size, size),))
        random = np.random.default_rng(0)
        given = [random.random((1, *tensor.shape[1:])) for tensor in model.inputs]
        return keras.ops.convert_to_numpy(model(given))
    finally:
        keras.config.set_floatx(before)


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTURES)
@pytest.mark.parametrize("size", [64, 256, 1024])
def test_single_precision_is_enough_at_every_size(shared, name, size):
    """Within what is allowed from Torch7 at 64 pixels, where it recorded its output and its own rounding."""
    cases = json.loads((shared / "fixtures" / "torch7_wide" / "cases.json").read_text())
    (case,) = [row for row in cases if name in row["file"]]
    allowed = 4 * case["float64_diff"] + 4e-6 * case["absmax"]
    path = shared / "fixtures" / "real" / case["file"]
    exact = made(path, size, "float64")
    assert exact.dtype == np.float64
    assert exact.shape == (1, size, size, 3)
    assert exact.std() > 10  # a texture, not grey
    np.testing.assert_allclose(made(path, size, "float32"), exact, rtol=0, atol=allowed)
