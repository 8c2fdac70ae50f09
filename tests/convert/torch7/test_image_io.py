"""What is wrapped around bare networks: which convention, which size."""

import keras
import numpy as np
import pytest
from support.torch7_cases import CASES

from convert.torch7.file.reader import read_t7
from convert.torch7.image_io import detect_image_io, wrap_network
from convert.torch7.network import convert_network
from errors import ArgumentError, UserError

GENERATORS = {"tn_": "texture-nets", "fns_": "fast-neural-style"}
MEAN = np.array([123.68, 116.779, 103.939], np.float32)  # RGB


@pytest.mark.parametrize("case", CASES, ids=str)
def test_convention_is_told_from_the_file(case):
    value = read_t7(case.path)
    conversion = convert_network(value)
    found, reason = detect_image_io(value, conversion.model, conversion.modules)
    expected = [convention for prefix, convention in GENERATORS.items() if case.name.startswith(prefix)]
    assert found == (expected or ["none"])[0], reason


@pytest.mark.parametrize("case", [case for case in CASES if case.name.startswith(tuple(GENERATORS))], ids=str)
def test_wrapped_generator_meets_the_image_contract(case):
    value = read_t7(case.path)
    conversion = convert_network(value)
    image_io, _ = detect_image_io(value, conversion.model, conversion.modules)
    model = wrap_network(conversion.model, image_io)
    for height, width in ((61, 87), (64, 64), (33, 50)):
        picture = np.random.default_rng(0).random((1, height, width, 3), np.float32)
        assert model(picture).shape == (1, height, width, 3)


@pytest.mark.parametrize("image_io", ["texture-nets", "fast-neural-style"])
def test_pixels_are_converted_as_the_convention_says(image_io):
    case = next(case for case in CASES if case.name == "fns_zero_bn_ckpt")
    network = convert_network(read_t7(case.path)).model
    given, _ = case.arrays()
    picture = (given.transpose(0, 2, 3, 1)[..., ::-1] + MEAN) / 255
    bare_input = given.transpose(0, 2, 3, 1) if image_io == "fast-neural-style" else picture
    bare = keras.ops.convert_to_numpy(network(bare_input))
    expected = (bare[..., ::-1] + MEAN) / 255
    found = keras.ops.convert_to_numpy(wrap_network(network, image_io)(picture))
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_multiples_of_four_are_left_as_they_are_and_cropped():
    """johnson grows 61x87 to 64x88; what is cut off is the bottom and right, and no pixel of the rest changes."""
    case = next(case for case in CASES if case.name == "tn_johnson_small")
    network = convert_network(read_t7(case.path)).model
    picture = np.random.default_rng(0).random((1, 61, 87, 3), np.float32)
    bare = keras.ops.convert_to_numpy(network(picture))
    assert bare.shape == (1, 64, 88, 3)
    found = keras.ops.convert_to_numpy(wrap_network(network, "texture-nets")(picture))
    np.testing.assert_allclose(found, (bare[:, :61, :87, ::-1] + MEAN) / 255, atol=1e-5)


def test_none_is_the_bare_network():
    inputs = keras.Input((None, None, 3))
    network = keras.Model(inputs, inputs * 2.0)
    assert wrap_network(network, "none") is network


def test_errors():
    inputs = keras.Input((None, None, 3))
    bigger = keras.Model(inputs, keras.layers.UpSampling2D(4)(inputs))
    with pytest.raises(ArgumentError, match="did you mean 'texture-nets'"):
        wrap_network(bigger, "texture-net")
    with pytest.raises(UserError, match="returns 1024 pixels for 256"):
        wrap_network(bigger, "texture-nets")
    with pytest.raises(UserError, match="map 3 channels to 3"):
        wrap_network(keras.Model(inputs, inputs[..., :1]), "texture-nets")
