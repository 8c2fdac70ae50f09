"""Every parameter of every layer type, against NumPy and PyTorch in float64 on the rules of Caffe 1.0."""

import keras
import numpy as np
import pytest
from support.caffe_cases import compute, nhwc
from support.caffe_flow_layers import OPTICAL_FLOW
from support.caffe_layers import CONVOLUTIONS, GLOBAL, LAYERS, NORMALIZATIONS, POOLINGS, Layer, X, rng, unpooled
from support.caffe_writer import input_layer, write_network

from convert.caffe.conversion import convert_caffe
from convert.caffe.registry import CONVERTERS
from convert.caffe.shapes import RULES
from model.saving import load_model, save_model

pytestmark = pytest.mark.backends

# Tested with OpenCV in test_detection.py.
DETECTION = {"PriorBox", "DetectionOutput", "RawDetections", "ROIPooling", "PSROIPooling", "Proposal"}
NOT_COMPUTED = {"AnnotatedData", "Input", "DummyData", "MemoryData", "Data", "ImageData", "HDF5Data", "WindowData"}
NOT_COMPUTED |= {"ImageSegData", "DenseImageData", "VideoData"}  # of forks

# The other backends take every third, for the time they need.
EVERY = [*LAYERS, *OPTICAL_FLOW]
SHARE = EVERY if keras.backend.backend() == "tensorflow" else EVERY[::3]


def convert(layer, folder):
    """Return the layer's model, saved and loaded, and the names of its inputs and outputs."""
    shapes = layer.shapes if isinstance(layer.shapes, list) else [layer.shapes]
    bottoms = [f"x{index}" for index in range(len(shapes))]
    tops = [f"y{index}" for index in range(layer.tops)]
    wires = "".join(f'bottom: "{name}" ' for name in bottoms) + "".join(f'top: "{name}" ' for name in tops)
    prototxt = "".join(map(input_layer, bottoms, shapes))
    prototxt += f'layer {{ name: "layer" type: "{layer.type}" {wires} {layer.text} }}'
    conversion = convert_caffe(*write_network(folder, prototxt, {"layer": layer.weights}), outputs=tops)
    save_model(conversion.model, folder / "model.keras")
    return load_model(folder / "model.keras"), bottoms, tops


def check(layer, model, bottoms, tops, shapes):
    arrays = [rng(*shape, seed=10 + index) for index, shape in enumerate(shapes)]
    arrays = [np.abs(array) + 0.1 if layer.positive else array for array in arrays]
    if layer.below is not None:
        arrays = [np.floor(np.abs(array) * 1e3).astype(np.float32) % layer.below for array in arrays]
    outputs = compute(model, dict(zip(bottoms, arrays, strict=True)), tops)
    expected = layer.expected(*(array.astype(np.float64) for array in arrays))
    for top, value in zip(tops, expected if layer.tops > 1 else [expected], strict=True):
        value = nhwc(np.asarray(value))
        assert outputs[top].shape == value.shape
        assert np.abs(outputs[top] - value).max() <= 5e-6 * max(np.abs(value).max(), 1e-6)


@pytest.mark.parametrize("layer", SHARE, ids=str)
def test_layer_follows_caffe(layer, tmp_path):
    check(layer, *convert(layer, tmp_path), layer.shapes if isinstance(layer.shapes, list) else [layer.shapes])


ON_PICTURES = [layer for layer in [*CONVOLUTIONS, *POOLINGS, GLOBAL, *NORMALIZATIONS] if len(layer.shapes) == 4]


@pytest.mark.parametrize("layer", ON_PICTURES, ids=str)
def test_layer_follows_caffe_at_other_sizes(layer, tmp_path):
    """Batch, height and width are those of the pictures, not of the prototxt."""
    model, bottoms, tops = convert(layer, tmp_path)
    assert model.inputs[0].shape[1:3] == (None, None)
    check(layer, model, bottoms, tops, [(3, layer.shapes[1], 7, 11)])


def test_crop_follows_the_sizes_of_its_reference(tmp_path):
    offsets = "crop_param { offset: [1, 2] }"
    layer = Layer("crop_open", "Crop", offsets, [X, (2, 4, 3, 4)], lambda x, r: x[:, :, 1:6, 2:5])
    check(layer, *convert(layer, tmp_path), [(3, 4, 9, 8), (3, 4, 5, 3)])


def test_every_type_has_a_converter_a_shape_rule_and_a_test():
    assert set(CONVERTERS) | NOT_COMPUTED == set(RULES)
    assert set(CONVERTERS) - DETECTION - {"Unpooling"} == {layer.type for layer in EVERY}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ('"Upsample" upsample_param { scale: 2 }', (6, 8)),
        ('"Upsample" upsample_param { scale: 2 upsample_h: 7 upsample_w: 8 }', (7, 8)),
        ('"Unpooling" unpooling_param { unpool: MAX kernel_size: 2 stride: 2 unpool_size: 6 }', (6, 6)),
        ('"Unpooling" unpooling_param { kernel_size: 2 stride: 2 unpool_h: 7 unpool_w: 8 }', (7, 8)),
    ],
)
def test_pixels_go_to_where_the_pooling_found_them(text, size, tmp_path):
    """SegNet's layer and DeconvNet's, against PyTorch."""
    x = rng(2, 3, *size)
    prototxt = (
        input_layer("x", x.shape)
        + f"""
        layer {{ name: "pool" type: "Pooling" bottom: "x" top: "p" top: "mask"
                 pooling_param {{ kernel_size: 2 stride: 2 ceil_mode: false }} }}
        layer {{ name: "up" bottom: "p" bottom: "mask" top: "y" type: {text} }}"""
    )
    model = convert_caffe(*write_network(tmp_path, prototxt)).model
    save_model(model, tmp_path / "model.keras")
    found = keras.ops.convert_to_numpy(load_model(tmp_path / "model.keras")(nhwc(x)))
    np.testing.assert_allclose(found, nhwc(unpooled(x, size)), atol=1e-6)
