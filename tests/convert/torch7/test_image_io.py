"""What is wrapped around bare networks: which convention, which size."""

import functools

import keras
import numpy as np
import pytest
from support.torch7_cases import CASES

from convert.torch7.builder import BuildOptions
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


def network_of(layers):
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, functools.reduce(lambda x, layer: layer(x), layers, inputs))


def pooled_and_enlarged():
    return [keras.layers.MaxPooling2D(2), keras.layers.Conv2D(4, 3, padding="same"), keras.layers.UpSampling2D(2)]


def unpadded():
    convolutions = [keras.layers.Conv2D(4, 3, strides=2) for _ in range(2)]
    return [
        keras.layers.Conv2D(4, 9),
        *convolutions,
        *(keras.layers.Conv2DTranspose(4, 3, strides=2) for _ in range(2)),
    ]


def thirds():
    return [keras.layers.Conv2D(4, 3, strides=3), keras.layers.Conv2DTranspose(4, 3, strides=3)]


def halves_of_dcgan():
    padded, full = keras.layers.ZeroPadding2D(1), keras.layers.Conv2DTranspose(4, 4, strides=2)
    return [padded, keras.layers.Conv2D(4, 4, strides=2), full, keras.layers.Cropping2D(1)]


@pytest.mark.parametrize("parts", [pooled_and_enlarged, unpadded, thirds, halves_of_dcgan])
def test_networks_that_leave_rows_over_take_pictures_of_any_size(parts):
    network = network_of([*parts(), keras.layers.Conv2D(3, 1)])
    model = wrap_network(network, "texture-nets")
    for height, width in [(61, 87), (64, 64), (35, 50), (36, 48), (38, 49)]:
        assert model(np.zeros((1, height, width, 3), np.float32)).shape == (1, height, width, 3)


def test_pixels_stay_where_they_are_in_networks_that_leave_rows_over():
    """Two unpadded convolutions of stride 2 between others: a middle pixel's change is seen around that pixel."""
    keras.utils.set_random_seed(0)
    network = network_of([*unpadded(), keras.layers.Conv2D(3, 9)])
    model = wrap_network(network, "texture-nets")
    picture = np.zeros((2, 79, 81, 3), np.float32)
    picture[1, 39, 40] = 1
    before, after = keras.ops.convert_to_numpy(model(picture))
    rows, columns = np.nonzero(np.abs(after - before).max(axis=-1) > 1e-6)
    centre = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    np.testing.assert_allclose(centre, (39, 40), atol=2)


@pytest.mark.parametrize(("height", "width"), [(61, 88), (32, 32)])
def test_a_network_of_one_size_stays_one(height, width):
    case = next(case for case in CASES if case.name == "tn_johnson_small")
    value = read_t7(case.path)
    model = wrap_network(convert_network(value, BuildOptions(((None, 3, height, width),))).model, "texture-nets")
    picture = np.random.default_rng(0).random((1, height, width, 3), np.float32)
    assert model.input.shape == model.output.shape == (None, height, width, 3)
    free = wrap_network(convert_network(value).model, "texture-nets")
    np.testing.assert_allclose(model(picture), free(picture), atol=1e-5)


def test_none_is_the_bare_network():
    inputs = keras.Input((None, None, 3))
    network = keras.Model(inputs, inputs * 2.0)
    assert wrap_network(network, "none") is network


def test_errors():
    inputs = keras.Input((None, None, 3))
    bigger = keras.Model(inputs, keras.layers.UpSampling2D(4)(inputs))
    with pytest.raises(ArgumentError, match="did you mean 'texture-nets'"):
        wrap_network(bigger, "texture-net")
    with pytest.raises(UserError, match="returns 1536 pixels for 384"):
        wrap_network(bigger, "texture-nets")
    smaller = keras.Input((32, 32, 3))
    with pytest.raises(UserError, match="pictures of 30 x 30 pixels of ones of 32 x 32 pixels: give it no fixed size"):
        wrap_network(keras.Model(smaller, keras.layers.Conv2D(3, 3)(smaller)), "texture-nets")
    with pytest.raises(UserError, match="map 3 channels to 3"):
        wrap_network(keras.Model(inputs, inputs[..., :1]), "texture-nets")
