"""Transposed convolutions and cuts in ONNX files, against PyTorch."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F

from layers import CropToMatch, PaddedConv2DTranspose
from model.saving import save_model
from pipelines.export.export import export_model

# (channels, filters) and the arguments of PaddedConv2DTranspose and of PyTorch, which has one padding an axis.
CONVOLUTIONS = {
    "doubling": ((4, 3), {"kernel_size": 3, "strides": 2, "padding": (1, 1), "output_padding": (1, 1)}),
    "uneven": ((2, 3), {"kernel_size": (4, 3), "strides": (2, 1), "padding": (1, 2)}),
    "uncut": ((2, 3), {"kernel_size": 3, "strides": 3}),
    "beyond the kernels": ((2, 3), {"kernel_size": 2, "strides": 2, "output_padding": (1, 1)}),
    "gaps": ((2, 3), {"kernel_size": 1, "strides": 2}),
    "in groups": ((6, 4), {"kernel_size": 3, "strides": 2, "padding": (1, 1), "groups": 2}),
    "of each channel": ((5, 5), {"kernel_size": 4, "strides": 2, "padding": (1, 1), "groups": 5}),
    "dilated": ((2, 3), {"kernel_size": 3, "strides": 2, "padding": (2, 1), "dilation_rate": 2}),
}
# What one operator cannot do: nothing is cut off there, but zeros are added.
IN_PARTS = ("beyond the kernels",)


def run_onnx(path, picture):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: picture})
    return found


def convolution(name, **options):
    (channels, filters), settings = CONVOLUTIONS[name]
    padding = settings.get("padding", (0, 0))
    layer = PaddedConv2DTranspose(
        filters, **{**settings, "padding": tuple((width, width) for width in padding)}, **options
    )
    layer.build((None, None, None, channels))
    random = np.random.default_rng(len(name))
    layer.set_weights([random.normal(size=weight.shape) for weight in layer.weights])
    return layer, channels


def by_torch(name, layer, picture):
    """Return the layer's output for (batch, height, width, channels), computed by PyTorch."""
    settings = CONVOLUTIONS[name][1]
    kernel = np.transpose(layer.kernel, (3, 2, 0, 1))
    options = {key: settings[key] for key in ("padding", "output_padding", "groups") if key in settings}
    outputs = F.conv_transpose2d(
        torch.tensor(picture).permute(0, 3, 1, 2),
        torch.tensor(np.ascontiguousarray(kernel)),
        torch.tensor(np.asarray(layer.bias)),
        stride=layer.strides,
        dilation=layer.dilation_rate,
        **options,
    )
    return outputs.permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("sizes", [(None, None), (6, 5)], ids=["free", "fixed"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_transposed_convolutions_agree_with_torch(name, sizes, tmp_path):
    layer, channels = convolution(name)
    image = keras.Input((*sizes, channels))
    save_model(keras.Model(image, layer(image)), tmp_path / "model.keras")
    export_model(input=tmp_path / "model.keras", output=tmp_path / "model.onnx", format="onnx", size=(6, 5))
    picture = np.random.default_rng(0).random((2, 6, 5, channels), np.float32)
    found = run_onnx(tmp_path / "model.onnx", picture)
    np.testing.assert_allclose(found, by_torch(name, layer, picture), rtol=0, atol=1e-5)
    operators = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node if node.op_type != "Add"]
    if name not in IN_PARTS:
        assert operators == ["Transpose", "ConvTranspose", "Transpose"]


def test_maps_stay_in_one_order_of_axes(tmp_path):
    """Between the picture and the result nothing is transposed, where sizes are free too."""
    image = keras.Input((None, None, 3))
    layer, channels = convolution("doubling", activation="relu")
    half = keras.layers.Conv2D(channels, 3, strides=2, padding="same")(image)
    cut = CropToMatch()([layer(half), image])
    model = keras.Model(image, keras.layers.Conv2D(4, 1)(cut))
    save_model(model, tmp_path / "model.keras")
    export_model(input=tmp_path / "model.keras", output=tmp_path / "model.onnx", format="onnx", size=(10, 8))
    for height, width in ((10, 8), (7, 9)):
        picture = np.random.default_rng(1).random((1, height, width, 3), np.float32)
        np.testing.assert_allclose(run_onnx(tmp_path / "model.onnx", picture), model(picture), rtol=0, atol=1e-5)
    operators = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert operators.count("Transpose") == 2
