"""The chain weights, preprocessing, activations, Gram matrices against PyTorch on the same weights."""

import numpy as np
import pytest
from keras import ops
from PIL import Image
from support import vgg_reference
from support.caffe_writer import packed_caffemodel
from support.vgg_reference import relative_difference

from convert.caffe.conversion import convert_caffe
from describe.gram import gram_matrix
from model.descriptor import build_descriptor
from model.layer_names import BLOCKS, LAYER_NAMES
from pipelines.importing.caffe import import_caffe_model

TOLERANCE = 1e-4
# Without padding the deepest layer needs 268 pixels. Every pooling meets even sizes, which Caffe does not round up.
SIZES = {"same": (96, 128), "valid": (268, 268)}


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


@pytest.mark.backends
def test_weights_and_biases_are_those_of_the_file(weights_file, weights):
    model = build_descriptor(LAYER_NAMES, weights=weights_file)
    for name, (kernel, bias) in weights.items():
        layer = model.get_layer(name)
        np.testing.assert_array_equal(ops.convert_to_numpy(layer.kernel), kernel)
        np.testing.assert_array_equal(ops.convert_to_numpy(layer.bias), bias)
    assert len(model.weights) == 2 * len(weights) == 32


@pytest.mark.backends
def test_preprocessing_agrees_with_pytorch(shared, weights_file):
    preprocessing = build_descriptor(["conv1_1"], weights=weights_file).get_layer("preprocessing")
    for kind in ("noise", "photo"):
        image = picture(kind, shared, (96, 128))
        pixels = ops.convert_to_numpy(preprocessing(image[np.newaxis]))[0]
        assert relative_difference(pixels, vgg_reference.preprocess(image)[0].permute(1, 2, 0).numpy()) <= 1e-6


def write_prototxt(path, padding):
    """Write VGG-19's convolutional part as Caffe's users have it, with rectification in place."""
    pad, (height, width) = int(padding == "same"), SIZES[padding]
    text = f'name: "VGG_ILSVRC_19_layers"\ninput: "data"\ninput_dim: [1, 3, {height}, {width}]\n'
    bottom = "data"
    for name in LAYER_NAMES:
        if name.startswith("conv"):
            kind, top = "CONVOLUTION", name
            filters = BLOCKS[int(name[4]) - 1][1]
            parameters = f"convolution_param {{ num_output: {filters} pad: {pad} kernel_size: 3 }}"
        elif name.startswith("relu"):
            kind, top, parameters = "RELU", bottom, ""
        else:
            kind, top, parameters = "POOLING", name, "pooling_param { pool: MAX kernel_size: 2 stride: 2 }"
        text += f'layers {{ bottom: "{bottom}" top: "{top}" name: "{name}" type: {kind} {parameters} }}\n'
        bottom = top
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def caffemodel(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("caffe") / "vgg19.caffemodel"
    blobs = {name: (kernel.transpose(3, 2, 0, 1), bias) for name, (kernel, bias) in weights.items()}
    path.write_bytes(packed_caffemodel(blobs))
    yield path
    path.unlink()


def differences(result, expected):
    """Return the relative difference of every layer, and of the Gram matrices of what textures compare."""
    found = {}
    for name, features in result.items():
        found[name] = relative_difference(ops.convert_to_numpy(features)[0], expected[name])
        if not name.startswith("conv"):
            gram = ops.convert_to_numpy(gram_matrix(features))[0]
            found[f"{name} gram"] = relative_difference(gram, vgg_reference.gram(expected[name]))
    return found


def import_network(folder, caffemodel, pooling, padding):
    """Return a function from an RGB picture to the layers of the imported Caffe network."""
    blobs = [name for name in LAYER_NAMES if not name.startswith("relu")]
    prototxt = write_prototxt(folder / "vgg19.prototxt", padding)
    model = convert_caffe(prototxt, caffemodel, outputs=blobs, pooling=pooling).model

    def compute(image):
        result = model(vgg_reference.preprocess(image).permute(0, 2, 3, 1).numpy())
        # Caffe rectifies in place, so that the blob of a convolution is the rectified one.
        return {name.replace("conv", "relu"): result[name] for name in blobs}

    return compute


@pytest.mark.parametrize(
    ("pooling", "padding"),
    [
        pytest.param("max", "same", marks=pytest.mark.backends),
        ("max", "valid"),
        ("average", "same"),
        ("average", "valid"),
    ],
)
def test_every_layer_agrees_with_pytorch(shared, weights_file, weights, caffemodel, tmp_path, pooling, padding):
    model = build_descriptor(LAYER_NAMES, weights=weights_file, pooling=pooling, rescale_pooling=False, padding=padding)
    imported = import_network(tmp_path, caffemodel, pooling, padding)
    for kind in ("noise", "photo"):
        image = picture(kind, shared, SIZES[padding])
        expected = vgg_reference.activations(weights, image, pooling=pooling, padding=padding)
        result = model(image[np.newaxis])
        assert set(result) == set(expected) == set(LAYER_NAMES)
        for source, layers in (("descriptor", result), ("Caffe", imported(image))):
            found = differences(layers, expected)
            assert max(found.values()) <= TOLERANCE, (source, kind, found)


@pytest.mark.backends
def test_the_imported_file_serves_as_weights(weights, caffemodel, tmp_path):
    prototxt = write_prototxt(tmp_path / "vgg19.prototxt", "same")
    output = tmp_path / "vgg19.keras"
    import_caffe_model(prototxt=prototxt, input=caffemodel, output=output, until="relu3_1")
    model = build_descriptor(["relu3_1"], weights=output)
    for name in ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"):
        for variable, array in zip(model.get_layer(name).weights, weights[name], strict=True):
            np.testing.assert_array_equal(ops.convert_to_numpy(variable), array)
