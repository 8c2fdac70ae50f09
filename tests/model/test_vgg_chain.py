"""The chain weights, preprocessing, activations, Gram matrices against PyTorch on the same weights."""

import numpy as np
import pytest
import vgg_reference
from keras import ops
from PIL import Image
from vgg_reference import relative_difference

from losses.gram import gram_matrix
from model.descriptor import build_descriptor
from model.layer_names import LAYER_NAMES

pytestmark = pytest.mark.backends
TOLERANCE = 1e-4
# Without padding the deepest layer needs 268 pixels.
SIZES = {"same": (96, 128), "valid": (268, 284)}


@pytest.fixture(scope="module")
def weights_file(shared):
    return shared / vgg_reference.WEIGHTS


@pytest.fixture(scope="module")
def weights(weights_file):
    return vgg_reference.read_weights(weights_file)


def picture(kind, shared, size):
    if kind == "noise":
        return np.random.default_rng(0).random((*size, 3), dtype="float32")
    photo = Image.open(shared / "textures/chicago.jpg").convert("RGB").resize(size[::-1])
    return np.asarray(photo, dtype="float32") / 255


def test_weights_and_biases_are_those_of_the_file(weights_file, weights):
    model = build_descriptor(LAYER_NAMES, weights=weights_file)
    for name, (kernel, bias) in weights.items():
        layer = model.get_layer(name)
        np.testing.assert_array_equal(ops.convert_to_numpy(layer.kernel), kernel)
        np.testing.assert_array_equal(ops.convert_to_numpy(layer.bias), bias)
    assert len(model.weights) == 2 * len(weights) == 32


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_every_layer_agrees_with_pytorch(shared, weights_file, weights, pooling, padding):
    model = build_descriptor(LAYER_NAMES, weights=weights_file, pooling=pooling, rescale_pooling=False, padding=padding)
    for kind in ("noise", "photo"):
        image = picture(kind, shared, SIZES[padding])
        expected = vgg_reference.activations(weights, image, pooling=pooling, padding=padding)
        result = model(image[np.newaxis])
        assert set(result) == set(expected) == set(LAYER_NAMES)
        differences = {}
        for name, features in result.items():
            differences[name] = relative_difference(ops.convert_to_numpy(features)[0], expected[name])
            if name.startswith("conv"):
                continue  # textures compare what is rectified
            gram = ops.convert_to_numpy(gram_matrix(features))[0]
            differences[f"{name} gram"] = relative_difference(gram, vgg_reference.gram(expected[name]))
        assert max(differences.values()) <= TOLERANCE, (kind, differences)


def test_preprocessing_agrees_with_pytorch(shared, weights_file):
    preprocessing = build_descriptor(["conv1_1"], weights=weights_file).get_layer("preprocessing")
    for kind in ("noise", "photo"):
        image = picture(kind, shared, (96, 128))
        pixels = ops.convert_to_numpy(preprocessing(image[np.newaxis]))[0]
        assert relative_difference(pixels, vgg_reference.preprocess(image)[0].permute(1, 2, 0).numpy()) <= 1e-6
