"""Padding by the edge pixel in ONNX files, against PyTorch."""

import cv2
import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from onnx import numpy_helper

from layers import ReplicationPadding2D
from model.saving import save_model
from pipelines.export.export import export_model

WIDTHS = ((1, 2), (3, 0))
PADDING = (3, 0, 1, 2)  # the same for PyTorch


def convolution(x, seed):
    return keras.layers.Conv2D(2, 3, kernel_initializer=keras.initializers.RandomNormal(seed=seed))(x)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Two convolutions, each of a padded picture, the second after a padding by zeros too."""
    folder = tmp_path_factory.mktemp("padding")
    image = keras.Input((None, None, 2), name="image")
    padded = ReplicationPadding2D(WIDTHS)(convolution(ReplicationPadding2D(WIDTHS)(image), 1))
    model = keras.Model(image, convolution(keras.layers.ZeroPadding2D(1)(padded), 2))
    save_model(model, folder / "model.keras")
    report = export_model(input=folder / "model.keras", output=folder / "model.onnx", format="onnx", size=(9, 12))
    return model, folder / "model.onnx", report


def by_torch(model, picture):
    """Return the output for (batch, height, width, channels), computed by PyTorch."""
    kernels = [torch.tensor(np.transpose(layer.kernel, (3, 2, 0, 1))) for layer in model.layers if layer.weights]
    padded = F.pad(torch.tensor(picture).permute(0, 3, 1, 2), PADDING, mode="replicate")
    padded = F.pad(F.conv2d(padded, kernels[0]), PADDING, mode="replicate")
    return F.conv2d(F.pad(padded, (1, 1, 1, 1)), kernels[1]).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("size", [(9, 12), (1, 1), (17, 2)])
def test_agrees_with_torch_at_any_size(exported, size):
    model, path, _ = exported
    picture = np.random.default_rng(0).random((2, *size, 2), np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": picture})
    np.testing.assert_allclose(found, by_torch(model, picture), rtol=0, atol=1e-5)


def test_each_is_one_node_on_the_last_two_axes(exported):
    graph = onnx.load(exported[1]).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    paddings = [node for node in graph.node if node.op_type == "Pad"]
    modes = [[attribute.s for attribute in node.attribute if attribute.name == "mode"] for node in paddings]
    assert modes.count([b"edge"]) == 2
    widths = [arrays[node.input[1]].tolist() for node, mode in zip(paddings, modes, strict=True) if mode == [b"edge"]]
    assert widths == [[0, 0, 1, 3, 0, 0, 2, 0]] * 2
    assert not {"Slice", "Concat", "Shape"} & {node.op_type for node in graph.node}
    assert max(np.abs(array).max() for array in arrays.values()) < 100  # nothing that stood for the edge is left


def test_opencv_runs_it_at_any_size(exported):
    model, path, report = exported
    assert "runs it: max difference from ONNX Runtime" in report.opencv
    network = cv2.dnn.readNetFromONNX(str(path))
    picture = np.random.default_rng(1).random((1, 21, 14, 2), np.float32)
    network.setInput(picture)
    np.testing.assert_allclose(network.forward(), by_torch(model, picture), rtol=0, atol=1e-4)


def test_a_padded_picture_may_be_an_output(tmp_path):
    image = keras.Input((None, None, 2), name="image")
    padded = ReplicationPadding2D(WIDTHS)(image)
    model = keras.Model(image, [padded, convolution(padded, 1)])
    save_model(model, tmp_path / "model.keras")
    export_model(input=tmp_path / "model.keras", output=tmp_path / "model.onnx", format="onnx", size=(9, 12))
    picture = np.random.default_rng(2).random((1, 9, 12, 2), np.float32)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: picture})
    expected = F.pad(torch.tensor(picture).permute(0, 3, 1, 2), PADDING, mode="replicate").permute(0, 2, 3, 1)
    np.testing.assert_array_equal(found[0], expected.numpy())
