"""Eight bits in ONNX files, as ONNX Runtime understands them."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import ROOT

from layers import InstanceNormalization, ReplicationPadding2D, UpsampledConv2D, conv2d
from model.saving import save_model
from pipelines.export.export import export_model

CHANNELS = 128
SIZE = (48, 40)


def generator() -> keras.Model:
    """From pictures to pictures, with three wide convolutions, one of them enlarging, and a narrow one."""
    keras.utils.set_random_seed(3)
    image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Conv2D(CHANNELS, 2, strides=2)(image)
    for kernel in (3, 3):
        x = ReplicationPadding2D(1)(x)
        x = keras.layers.ReLU()(InstanceNormalization()(keras.layers.Conv2D(CHANNELS, kernel)(x)))
    x = UpsampledConv2D(8, bias_initializer="random_normal")(ReplicationPadding2D(1)(x))
    x = keras.layers.ReLU()(InstanceNormalization()(x))
    return keras.Model(image, conv2d(3, 3, activation="sigmoid")(ReplicationPadding2D(1)(x)))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    model = generator()
    save_model(model, folder / "model.keras")
    options = {"quantize": "int8", "calibration": ROOT / "pics", "size": SIZE}
    report = export_model(input=folder / "model.keras", output=folder / "int8.onnx", format="onnx", **options)
    return model, folder / "int8.onnx", report


def optimized(path) -> list[onnx.NodeProto]:
    """Return what ONNX Runtime makes of the file."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path.with_suffix(".optimized.onnx"))
    options.log_severity_level = 3
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return list(onnx.load(options.optimized_model_filepath).graph.node)


def operators(path) -> list[str]:
    return [node.op_type for node in optimized(path)]


def test_wide_convolutions_are_computed_in_8_bits(exported):
    _, path, report = exported
    assert operators(path).count("QLinearConv") == 3
    assert report.calibrated_on > 0


def test_pictures_of_any_size_stay_near_the_model(exported):
    model, path, report = exported
    assert all(comparison.psnr > 35 for comparison in report.comparisons)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(0).random((2, 62, 34, 3), np.float32)
    (found,) = session.run(None, {session.get_inputs()[0].name: picture})
    assert -10 * np.log10(np.mean((found - model(picture).numpy()) ** 2)) > 30


def test_bytes_are_moved_between_wide_convolutions(exported):
    """Values are rounded before they are padded, and stay so until all pixels are at their places."""
    nodes = optimized(exported[1])
    makers = {name: node.op_type for node in nodes for name in node.output}
    padded = [makers[node.input[0]] for node in nodes if node.op_type == "Pad"]
    assert padded == ["QuantizeLinear"] * 3 + ["Relu"]  # the last convolution is narrow
    moved = [makers[node.input[0]] for node in nodes if node.op_type in ("DepthToSpace", "Slice")]
    assert len(moved) == 2
    assert not {"DequantizeLinear", "QuantizeLinear"} & set(moved)


def test_weights_are_kept_in_a_byte_each(exported):
    _, path, _ = exported
    tensors = onnx.load(path).graph.initializer
    found = sum(np.prod(tensor.dims) for tensor in tensors if tensor.data_type == onnx.TensorProto.INT8)
    # Four 2x2 kernels stand for the enlarging one.
    assert found == 2 * 9 * CHANNELS**2 + 4 * 4 * 8 * CHANNELS


def test_filters_of_nothing_keep_their_bias_and_rectifiers_are_no_hindrance(tmp_path):
    keras.utils.set_random_seed(4)
    image = keras.Input((None, None, 3), name="image")
    wide = keras.layers.Conv2D(4, 3, activation="relu")
    x = wide(keras.layers.Conv2D(CHANNELS, 3)(image))
    model = keras.Model(image, conv2d(3, 1, activation="sigmoid")(ReplicationPadding2D(2)(x)))
    kernel, _ = wide.get_weights()
    kernel[..., 0] = 0
    wide.set_weights([kernel, np.array([0.5, 0.1, 0.1, 0.1])])
    save_model(model, tmp_path / "model.keras")
    options = {"quantize": "int8", "calibration": ROOT / "pics", "size": SIZE}
    report = export_model(input=tmp_path / "model.keras", output=tmp_path / "int8.onnx", format="onnx", **options)
    assert all(comparison.psnr > 45 for comparison in report.comparisons)
    assert "QLinearConv" in operators(tmp_path / "int8.onnx")


def test_zeros_around_a_picture_stay_zeros(tmp_path):
    """Values are on both sides of 0, so that the least byte is far from it."""
    keras.utils.set_random_seed(4)
    image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Conv2D(CHANNELS, 2, strides=2, activation="tanh", kernel_initializer="random_normal")(image)
    for activation in ("tanh", None):
        x = keras.layers.Conv2D(CHANNELS, 3, activation=activation)(keras.layers.ZeroPadding2D(1)(x))
    x = UpsampledConv2D(3, activation="sigmoid")(x)
    model = keras.Model(image, x)
    save_model(model, tmp_path / "model.keras")
    options = {"quantize": "int8", "calibration": ROOT / "pics", "size": SIZE}
    report = export_model(input=tmp_path / "model.keras", output=tmp_path / "int8.onnx", format="onnx", **options)
    assert all(comparison.psnr > 40 for comparison in report.comparisons)
