"""Networks that others export: their axes, values, types and sizes. Written with onnx itself, compared with PyTorch."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import stylize_tensorflow_graph

KERNEL = np.random.default_rng(0).normal(0, 0.2, (3, 3, 3, 3)).astype(np.float32)
MEAN, DEVIATION = (torch.tensor(values).reshape(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
# What photos of others are, and back.
VALUES = {
    "unit": (lambda x: x, lambda x: x),
    "signed": (lambda x: x * 2 - 1, lambda x: (x + 1) / 2),
    "byte": (lambda x: x * 255, lambda x: x / 255),
    "imagenet": (lambda x: (x - MEAN) / DEVIATION, lambda x: x * DEVIATION + MEAN),
}
FIRST, LAST = ("n", 3, "h", "w"), ("n", "h", "w", 3)


@pytest.fixture
def photo(tmp_path):
    """31 rows and 45 columns."""
    path = tmp_path / "photo.png"
    rows, columns = np.mgrid[:31, :45]
    colours = np.stack([rows * 8, columns * 5, (rows + columns) * 3], -1)
    Image.fromarray(colours.astype(np.uint8)).save(path)
    return path


def save(path, nodes, shape, dtype=TensorProto.FLOAT, **constants):
    """Write a model from `x` to `y`."""
    given, made = (helper.make_tensor_value_info(name, dtype, shape) for name in ("x", "y"))
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph([helper.make_node(*node[:3], **(node[3:] or ({},))[0]) for node in nodes], "net", [given],
                              [made], tensors)  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


def stylize(model, photo, *options):
    """Return the result of `photo` in [0, 1], (rows, columns, 3)."""
    output = model.with_suffix(".png")
    arguments = ["--input", photo, "--output", output, "--model", model, *options]
    assert stylize_tensorflow_graph.main([str(argument) for argument in arguments]) == 0
    return pixels(output)


def pixels(path):
    return np.asarray(Image.open(path), np.float32) / 255


def tensor(path):
    return torch.from_numpy(pixels(path)).permute(2, 0, 1)[None]


@pytest.mark.parametrize("shape", [FIRST, LAST])
@pytest.mark.parametrize("values", VALUES)
def test_axes_and_values(values, shape, photo, tmp_path):
    convolution = [("Conv", ["a", "kernel"], ["b"], {"pads": [1, 1, 1, 1]})]
    nodes = {
        FIRST: [("Identity", ["x"], ["a"]), *convolution, ("Identity", ["b"], ["y"])],
        LAST: [
            ("Transpose", ["x"], ["a"], {"perm": [0, 3, 1, 2]}),
            *convolution,
            ("Transpose", ["b"], ["y"], {"perm": [0, 2, 3, 1]}),
        ],
    }[shape]
    model = save(tmp_path / "net.onnx", nodes, shape, kernel=KERNEL)
    encode, decode = VALUES[values]
    expected = decode(torch.nn.functional.conv2d(encode(tensor(photo)), torch.from_numpy(KERNEL), padding=1))
    found = stylize(model, photo, "--image-io", values)
    np.testing.assert_allclose(found, expected[0].permute(1, 2, 0).clamp(0, 1), atol=0.51 / 255)
    assert np.ptp(found) > 0.1


ENLARGE = ("Resize", ["a", "", "scales"], ["y"], {"mode": "nearest"})
SCALES = np.array([1, 1, 2, 2], np.float32)


def test_rows_that_a_network_adds_are_cut_off(photo, tmp_path, capsys):
    """A stride rounds 31 rows up to 16, which are enlarged to 32."""
    reduce = ("MaxPool", ["x"], ["a"], {"kernel_shape": [1, 1], "strides": [2, 2]})
    found = stylize(save(tmp_path / "net.onnx", [reduce, ENLARGE], FIRST, scales=SCALES), photo)
    source = pixels(photo)[::2, ::2].repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(found, source[:31, :45])
    assert "extended" not in capsys.readouterr().out


def test_a_picture_of_a_size_that_the_network_does_not_take_is_extended(photo, tmp_path, capsys):
    """A pooling leaves the last of 31 rows over; a sum with the input fails then."""
    reduce = ("MaxPool", ["x"], ["a"], {"kernel_shape": [2, 2], "strides": [2, 2]})
    for nodes in ([reduce, ENLARGE], [reduce, (*ENLARGE[:2], ["b"], ENLARGE[3]), ("Max", ["b", "x"], ["y"])]):
        found = stylize(save(tmp_path / "net.onnx", nodes, FIRST, scales=SCALES), photo)
        source = np.pad(pixels(photo), ((0, 1), (0, 19), (0, 0)), mode="symmetric")
        blocks = source.reshape(16, 2, 32, 2, 3).max((1, 3))
        np.testing.assert_array_equal(found, blocks.repeat(2, 0).repeat(2, 1)[:31, :45])
        assert "the model fails on 45 x 31 pixels: extended by mirroring to 64 x 32" in capsys.readouterr().out


def test_a_network_that_enlarges_is_refused(photo, tmp_path, capsys):
    model = save(tmp_path / "net.onnx", [("Identity", ["x"], ["a"]), ENLARGE], FIRST, scales=SCALES)
    arguments = ["--input", str(photo), "--output", str(tmp_path / "a.png"), "--model", str(model)]
    assert stylize_tensorflow_graph.main(arguments) == 1
    assert "the model returns float32 (1, 3, 62, 90) for float32 pictures (1, 31, 45, 3)" in capsys.readouterr().err
    assert not (tmp_path / "a.png").exists()


def test_a_fixed_size(photo, tmp_path):
    model = save(tmp_path / "net.onnx", [("Identity", ["x"], ["y"])], (1, 3, 40, 50))
    np.testing.assert_allclose(stylize(model, photo), pixels(photo), atol=0.51 / 255)


def test_bytes(photo, tmp_path, capsys):
    nodes = [("BitwiseNot", ["x"], ["y"])]
    model = save(tmp_path / "net.onnx", nodes, FIRST, TensorProto.UINT8)
    np.testing.assert_allclose(stylize(model, photo, "--image-io", "byte"), 1 - pixels(photo), atol=1e-6)
    arguments = ["--input", str(photo), "--output", str(tmp_path / "a.png"), "--model", str(model)]
    assert stylize_tensorflow_graph.main(arguments) == 1
    error = capsys.readouterr().err
    assert "net.onnx: takes uint8 pictures (any, 3, any, any): its image-io is byte, not unit" in error
    assert error.count("\n") == 1


def test_half_precision(photo, tmp_path):
    model = save(tmp_path / "net.onnx", [("Neg", ["x"], ["y"])], FIRST, TensorProto.FLOAT16)
    found = stylize(model, photo, "--image-io", "signed")
    np.testing.assert_allclose(found, 1 - pixels(photo), atol=0.51 / 255 + 1e-3)


def test_unknown_values(photo, tmp_path, capsys):
    model = save(tmp_path / "net.onnx", [("Neg", ["x"], ["y"])], FIRST)
    arguments = ["--input", str(photo), "--output", str(tmp_path / "a.png"), "--model", str(model)]
    assert stylize_tensorflow_graph.main([*arguments, "--image-io", "bgr"]) == 2
    assert "--image-io bgr: must be one of unit, signed, byte, imagenet" in capsys.readouterr().err
