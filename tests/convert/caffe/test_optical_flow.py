"""Layers of FlowNet: what OpenCV makes of them, and whether they leave again."""

import cv2
import numpy as np
import pytest
from support.caffe_cases import compute, nhwc
from support.caffe_flow_layers import OPTICAL_FLOW
from support.caffe_layers import rng
from support.caffe_writer import input_layer, write_network

from convert.caffe.conversion import convert_caffe
from errors import UserError
from model.saving import save_model
from pipelines.export.export import export_model

# OpenCV has no SUBTRACT and no Correlation1D; it takes LINEAR for another rule than Caffe's own kernel.
IN_OPENCV = ("correlation", "correlation_windows", "flow_warp", "resample_nearest")


def network_of(layer, folder):
    """Write the layer alone; return its files and its inputs by name."""
    shapes = layer.shapes if isinstance(layer.shapes, list) else [layer.shapes]
    inputs = {f"x{index}": rng(*shape, seed=index) for index, shape in enumerate(shapes)}
    wires = "".join(f'bottom: "{name}" ' for name in inputs)
    text = "".join(map(input_layer, inputs, shapes))
    text += f'layer {{ name: "layer" type: "{layer.type}" {wires} top: "y" {layer.text} }}'
    return write_network(folder, text, {}), inputs


@pytest.mark.parametrize("layer", [layer for layer in OPTICAL_FLOW if layer.name in IN_OPENCV], ids=str)
def test_opencv_computes_the_same(layer, tmp_path):
    files, inputs = network_of(layer, tmp_path)
    network = cv2.dnn.readNetFromCaffe(*map(str, files))
    for name, array in inputs.items():
        network.setInput(array, name)
    (found,) = compute(convert_caffe(*files, outputs=["y"]).model, inputs, ["y"]).values()
    np.testing.assert_allclose(found, nhwc(network.forward("layer")), rtol=0, atol=1e-6)


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("name", ["correlation_windows", "flow_warp", "channel_norm", "resample_cubic"])
def test_it_is_exported(name, suffix, tmp_path):
    files, _ = network_of(next(layer for layer in OPTICAL_FLOW if layer.name == name), tmp_path)
    save_model(convert_caffe(*files, outputs=["y"]).model, tmp_path / "model.keras")
    format = {"onnx": "onnx", "tflite": "litert"}[suffix]
    export_model(input=tmp_path / "model.keras", output=tmp_path / f"model.{suffix}", format=format, size=(5, 6))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ('"Correlation" bottom: "a" bottom: "a" correlation_param { kernel_size: 2 }', "kernel_size 2 must be odd"),
        ('"Correlation" bottom: "a" bottom: "b" correlation_param { kernel_size: 1 }', "bottoms of different shapes"),
        (
            '"Correlation" bottom: "a" bottom: "a" correlation_param { kernel_size: 1 max_displacement: 90 pad: 90 }',
            "has 32761 shifts; at most 4096 are allowed",
        ),
        ('"FlowWarp" bottom: "a" bottom: "a"', "a flow of 1 x 3 x 6 x 8 does not match pictures of 1 x 3 x 6 x 8"),
        ('"FlowWarp" bottom: "a" bottom: "b" flow_warp_param { fill_value: NOT_A_NUMBER }', "only ZERO is"),
        ('"Resample" bottom: "a" resample_param { height: 9 }', "height and width must be from 1 to 4096"),
        ('"Resample" bottom: "a" resample_param { height: 9 width: 9 type: AREA }', "type AREA is not supported"),
    ],
)
def test_wrong_layers(layer, message, tmp_path):
    text = input_layer("a", (1, 3, 6, 8)) + input_layer("b", (1, 2, 6, 8))
    text += f'layer {{ name: "layer" top: "y" type: {layer} }}'
    with pytest.raises(UserError, match=message):
        convert_caffe(*write_network(tmp_path, text, {}), outputs=["y"])
