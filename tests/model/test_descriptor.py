"""The descriptor's layers, poolings and paddings, on random weights of its first blocks."""

import h5py
import keras
import numpy as np
import pytest
import torch
from keras import ops
from torch.nn import functional

from describe.gram import gram_matrix
from describe.positions import smallest_input
from errors import ArgumentError, UserError
from model.descriptor import build_descriptor
from model.layer_names import BLOCKS, keras_name
from model.random_filters import FILTER_SIZES, random_filters
from model.saving import load_model, save_model
from model.vgg19 import vgg19
from optimize.value_and_grad import compile_value_and_grad

pytestmark = pytest.mark.backends
IMAGE = np.random.default_rng(1).random((1, 32, 48, 3), dtype="float32")


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    """A file in Keras' layout with random weights, whose last layer is conv3_1."""
    path = tmp_path_factory.mktemp("weights") / "vgg19.h5"
    generator, channels = np.random.default_rng(2), 3
    with h5py.File(path, "w") as file:
        for name in ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"):
            filters = BLOCKS[int(name[4]) - 1][1]
            group = file.create_group(keras_name(name))
            scale = np.sqrt(2 / (9 * channels))
            group["kernel"] = generator.normal(0, scale, (3, 3, channels, filters)).astype("float32")
            group["bias"] = generator.normal(0, 1, filters).astype("float32")
            group.attrs["weight_names"] = ["kernel", "bias"]
            channels = filters
    return path


def features_of(model, image=IMAGE):
    return {name: ops.convert_to_numpy(features) for name, features in model(image).items()}


def channels_first(array):
    return torch.as_tensor(np.moveaxis(array, -1, 1).copy())


def test_nothing_deeper_than_the_deepest_layer_is_built_or_read(weights_file):
    model = build_descriptor(["pool1", "relu3_1"], weights=weights_file)
    convolutions = [layer.name for layer in model.layers if layer.weights]
    assert convolutions == ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"]
    assert model.layers[-1].name == "relu3_1"
    assert model.count_params() == 555_328
    assert not model.trainable_weights
    # One layer deeper there are no weights in the file.
    with pytest.raises(UserError, match="no layer conv3_2 or block3_conv2"):
        build_descriptor(["relu3_2"], weights=weights_file)


def test_layers_come_by_name_whatever_they_were_called(weights_file):
    features = features_of(build_descriptor([2, "block1_pool", "conv1_1", "0"], weights=weights_file))
    assert {name: array.shape for name, array in features.items()} == {
        "conv1_1": (1, 32, 48, 64),
        "relu1_1": (1, 32, 48, 64),
        "pool1": (1, 16, 24, 64),
    }
    np.testing.assert_array_equal(features["relu1_1"], np.maximum(features["conv1_1"], 0))
    assert features["conv1_1"].min() < 0


@pytest.mark.parametrize(
    ("pooling", "rescale", "reference"),
    [
        ("max", True, lambda x: functional.max_pool2d(x, 2)),
        ("average", False, lambda x: functional.avg_pool2d(x, 2)),
        ("average", True, lambda x: functional.avg_pool2d(x, 2) * 2),
        ("l2", False, lambda x: functional.lp_pool2d(x, 2, 2)),
        ("l2", True, lambda x: functional.lp_pool2d(x, 2, 2) * 0.78),
    ],
)
def test_pooling_is_pytorchs_times_the_factor(weights_file, pooling, rescale, reference):
    model = build_descriptor(["relu1_2", "pool1"], weights=weights_file, pooling=pooling, rescale_pooling=rescale)
    features = features_of(model, IMAGE[:, :31, :45])  # odd sizes lose their last row and column
    expected = np.moveaxis(reference(channels_first(features["relu1_2"])).numpy(), 1, -1)
    assert features["pool1"].shape == (1, 15, 22, 64)
    np.testing.assert_allclose(features["pool1"], expected, rtol=1e-5, atol=1e-5)
    assert model.get_layer("pool1").output.shape == (None, None, None, 64)


def test_l2_pooling_of_empty_windows_has_a_finite_gradient(weights_file):
    model = build_descriptor(["pool1"], weights=weights_file, pooling="l2")
    evaluate = compile_value_and_grad(lambda image: (ops.sum(model(image)["pool1"]), {}))
    gradient = ops.convert_to_numpy(evaluate(IMAGE).gradient)
    assert (features_of(model)["pool1"] < 1e-12).any()
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0


def test_replication_pads_the_first_layer_only(weights_file):
    features = features_of(build_descriptor(["conv1_1", "conv1_2"], weights=weights_file, padding="replicate"))
    model = build_descriptor(["conv1_2"], weights=weights_file)
    kernels = [ops.convert_to_numpy(model.get_layer(name).kernel) for name in ("conv1_1", "conv1_2")]
    biases = [ops.convert_to_numpy(model.get_layer(name).bias) for name in ("conv1_1", "conv1_2")]
    kernels = [torch.as_tensor(kernel.transpose(3, 2, 0, 1).copy()) for kernel in kernels]
    biases = [torch.as_tensor(bias) for bias in biases]
    pixels = channels_first(ops.convert_to_numpy(model.get_layer("preprocessing")(IMAGE)))
    first = functional.conv2d(functional.pad(pixels, (1, 1, 1, 1), mode="replicate"), kernels[0], biases[0])
    second = functional.conv2d(functional.relu(first), kernels[1], biases[1], padding=1)
    for name, expected in (("conv1_1", first), ("conv1_2", second)):
        expected = np.moveaxis(expected.numpy(), 1, -1)
        np.testing.assert_allclose(features[name], expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("padding", "shift"), [("circular", (8, 12)), (("same", "circular"), (0, 12)), (("circular", "valid"), (8, 0))]
)
def test_circular_padding_has_no_edge_along_its_axes(weights_file, padding, shift):
    model = build_descriptor(["relu1_2", "relu3_1"], weights=weights_file, padding=padding)
    features = features_of(model)
    shifted = features_of(model, np.roll(IMAGE, shift, axis=(1, 2)))
    for name, step in (("relu1_2", 1), ("relu3_1", 4)):
        expected = np.roll(features[name], (shift[0] // step, shift[1] // step), axis=(1, 2))
        np.testing.assert_allclose(shifted[name], expected, rtol=1e-4, atol=1e-4 * expected.max())


@pytest.mark.parametrize("padding", ["same", "valid", ("valid", "same")])
def test_the_smallest_input_is_just_large_enough(padding):
    layers = ["conv1_1", "pool3"]
    model = vgg19(layers, padding=padding)
    height, width = smallest_input(layers, (padding, padding) if isinstance(padding, str) else padding)
    assert model.compute_output_shape((1, height, width, 3))["pool3"] == (1, 1, 1, 256)
    for smaller in ((height - 1, width), (height, width - 1)):
        with pytest.raises(ValueError, match="zero or negative"):
            model.compute_output_shape((1, *smaller, 3))


def test_bfloat16_stays_close_to_float32(weights_file):
    layers = ["relu1_1", "relu3_1"]
    half = build_descriptor(layers, weights=weights_file, dtype="bfloat16")
    exact = build_descriptor(layers, weights=weights_file)(IMAGE)
    assert half.get_layer("conv3_1").kernel.dtype == "bfloat16"
    for name, features in half(IMAGE).items():
        assert keras.backend.standardize_dtype(features.dtype) == "bfloat16"
        gram, expected = (ops.convert_to_numpy(gram_matrix(f)) for f in (features, exact[name]))
        assert gram.dtype == "float32"
        assert np.abs(gram - expected).max() <= 0.02 * np.abs(expected).max()


def test_a_descriptor_can_be_saved_and_loaded(weights_file, tmp_path):
    model = build_descriptor(["pool1", "conv2_1"], weights=weights_file, pooling="l2", padding=("same", "circular"))
    save_model(model, tmp_path / "descriptor.keras")
    loaded = features_of(load_model(tmp_path / "descriptor.keras"))
    for name, features in features_of(model).items():
        np.testing.assert_array_equal(loaded[name], features)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pooling": "mean"}, "unknown pooling 'mean'"),
        ({"padding": "reflect"}, "unknown padding 'reflect'; did you mean 'replicate'"),
        ({"padding": ("same", "wrap")}, "unknown padding 'wrap'"),
        ({"descriptor": "vgg16"}, "unknown descriptor 'vgg16'; did you mean 'vgg19'"),
        ({"layers": ["relu6_1"]}, "unknown layer 'relu6_1'"),
        ({"descriptor": "random"}, "the random descriptor has a single layer, 'random'"),
    ],
)
def test_bad_arguments_are_named(weights_file, arguments, message):
    with pytest.raises(ArgumentError) as error:
        build_descriptor(**{"layers": ["pool1"], "weights": weights_file} | arguments)
    assert message in str(error.value)


def test_random_filters_are_those_of_the_seed_and_agree_with_pytorch():
    model = build_descriptor(["random"], descriptor="random", seed=3)
    features = features_of(model)["random"]
    assert features.shape == (1, 32, 48, 8 * 32)
    generator = np.random.default_rng(3)
    pixels = channels_first(ops.convert_to_numpy(model.get_layer("preprocessing")(IMAGE)))
    expected = []
    for size in FILTER_SIZES:
        limit = np.sqrt(6 / (size**2 * (3 + 32)))
        kernel = generator.uniform(-limit, limit, (size, size, 3, 32)).astype("float32")
        kernel = torch.as_tensor(kernel.transpose(3, 2, 0, 1).copy())
        expected.append(functional.relu(functional.conv2d(pixels, kernel, padding="same")))
    expected = np.moveaxis(torch.cat(expected, 1).numpy(), 1, -1)
    np.testing.assert_allclose(features, expected, atol=1e-4 * expected.max())


def test_random_filters_without_padding_see_the_same_positions():
    image = np.random.default_rng(5).random((1, 64, 80, 3), dtype="float32")
    padded = features_of(random_filters(filters=2), image)["random"]
    valid = features_of(random_filters(filters=2, padding="valid"), image)["random"]
    assert valid.shape == (1, 10, 26, 16)
    np.testing.assert_allclose(valid, padded[:, 27:-27, 27:-27], atol=1e-4 * padded.max())
