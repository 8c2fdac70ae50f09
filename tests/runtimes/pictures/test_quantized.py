"""LiteRT files in whole numbers throughout, as phones take them: compared with those that LiteRT itself quantises."""

import os

import numpy as np
import pytest
from support.onnx_files import pixels, run_graph, stylized, write_photo

KERNEL = np.random.default_rng(0).normal(0, 0.3, (3, 3, 3, 3)).astype(np.float32)
# What photos are in the values of a network: factor and offset.
VALUES = {"unit": (1, 0), "signed": (2, -1), "byte": (255, 0)}


@pytest.fixture
def photo(tmp_path):
    return write_photo(tmp_path / "photo.png")


def write_quantized(path, values, dtype, reach=1.0):
    """Write a network from pictures of 31 x 45 to others, calibrated with values up to `reach` times those of white."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    factor, offset = VALUES[values]

    @tf.function(input_signature=[tf.TensorSpec((1, 31, 45, 3), tf.float32)])
    def network(x):
        return factor * tf.sigmoid(tf.nn.conv2d((x - offset) / factor, KERNEL, 1, "SAME")) + offset

    samples = np.random.default_rng(1).random((8, 1, 31, 45, 3)).astype(np.float32) * reach * factor + offset
    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = getattr(tf, dtype)
    path.write_bytes(converter.convert())
    return path


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize("values", VALUES)
def test_pictures_are_quantized(values, dtype, photo, tmp_path):
    """With a reach of 1, signed values of bytes lie halfway between two whole numbers: rounding would decide."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(write_quantized(tmp_path / "floats.tflite", values, "float32", reach=1.02)))
    interpreter.allocate_tensors()
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()
    factor, offset = VALUES[values]
    interpreter.set_tensor(given["index"], pixels(photo)[None] * np.float32(factor) + np.float32(offset))
    interpreter.invoke()
    expected = (interpreter.get_tensor(made["index"])[0] - offset) / factor
    model = write_quantized(tmp_path / "net.tflite", values, dtype, reach=1.02)
    np.testing.assert_allclose(stylized(model, photo, "--image-io", values), expected, atol=0.51 / 255)


def test_values_that_do_not_fit_are_told(photo, tmp_path, capsys):
    for values, asked, message in (
        ("unit", "byte", "takes values from 0 to 1 (quantised), and image-io byte has 0 to 255"),
        ("byte", "unit", "takes values from 0 to 255 (quantised), and image-io unit has 0 to 1"),
        ("unit", "signed", "takes values from 0 to 1 (quantised), and image-io signed has -1 to 1"),
    ):
        model = write_quantized(tmp_path / "net.tflite", values, "uint8")
        capsys.readouterr()
        assert run_graph(model, photo, tmp_path / "out.png", "--image-io", asked) == 1
        error = capsys.readouterr().err
        assert error.endswith(f"net.tflite: {message}\n")
        assert error.count("\n") == 1
