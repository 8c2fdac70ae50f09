"""Networks that others export: their axes, values, types and sizes. Compared with PyTorch."""

import shutil

import numpy as np
import onnxruntime
import pytest
import torch
from conftest import ROOT
from onnx import TensorProto
from PIL import Image
from support.onnx_files import pixels, run_graph, stylized, write_onnx, write_photo

KERNEL = np.random.default_rng(0).normal(0, 0.2, (3, 3, 3, 3)).astype(np.float32)
MEAN, DEVIATION = (torch.tensor(values).reshape(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
MEAN_PIXEL = torch.tensor([103.939, 116.779, 123.68]).reshape(3, 1, 1)
# What photos of others are, and back.
VALUES = {
    "unit": (lambda x: x, lambda x: x),
    "signed": (lambda x: x * 2 - 1, lambda x: (x + 1) / 2),
    "byte": (lambda x: x * 255, lambda x: x / 255),
    "imagenet": (lambda x: (x - MEAN) / DEVIATION, lambda x: x * DEVIATION + MEAN),
    "bgr": (lambda x: x.flip(1) * 255, lambda x: x.flip(1) / 255),
    "caffe": (lambda x: x.flip(1) * 255 - MEAN_PIXEL, lambda x: (x + MEAN_PIXEL).flip(1) / 255),
}
FIRST, LAST = ("n", 3, "h", "w"), ("n", "h", "w", 3)


@pytest.fixture
def photo(tmp_path):
    return write_photo(tmp_path / "photo.png")


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
    model = write_onnx(tmp_path / "net.onnx", nodes, {"x": shape}, kernel=KERNEL)
    encode, decode = VALUES[values]
    expected = decode(torch.nn.functional.conv2d(encode(tensor(photo)), torch.from_numpy(KERNEL), padding=1))
    found = stylized(model, photo, "--image-io", values)
    np.testing.assert_allclose(found, expected[0].permute(1, 2, 0).clamp(0, 1), atol=0.51 / 255)
    assert np.ptp(found) > 0.1


@pytest.mark.parametrize(("taken", "returned"), [("imagenet", "unit"), ("unit", "caffe"), ("byte", "signed")])
def test_other_values_are_returned_than_taken(taken, returned, photo, tmp_path):
    model = write_onnx(tmp_path / "net.onnx", [("Mul", ["x", "factor"], ["y"])], {"x": FIRST}, factor=np.float32(0.3))
    expected = VALUES[returned][1](VALUES[taken][0](tensor(photo)) * 0.3)
    found = stylized(model, photo, "--image-io", taken, returned)
    np.testing.assert_allclose(found, expected[0].permute(1, 2, 0).clamp(0, 1), atol=0.51 / 255)


@pytest.mark.parametrize(("taken", "perm"), [(FIRST, (0, 2, 3, 1)), (LAST, (0, 3, 1, 2))])
def test_other_axes_are_returned_than_taken(taken, perm, photo, tmp_path):
    nodes = [("Transpose", ["x"], ["y"], {"perm": perm})]
    output = TensorProto.FLOAT, [taken[axis] for axis in perm]
    model = write_onnx(tmp_path / "net.onnx", nodes, {"x": taken}, output=output)
    np.testing.assert_array_equal(stylized(model, photo), pixels(photo))


ENLARGE = ("Resize", ["a", "", "scales"], ["y"], {"mode": "nearest"})
SCALES = np.array([1, 1, 2, 2], np.float32)


def test_rows_that_a_network_adds_are_cut_off(photo, tmp_path, capsys):
    """A stride rounds 31 rows up to 16, which are enlarged to 32."""
    reduce = ("MaxPool", ["x"], ["a"], {"kernel_shape": [1, 1], "strides": [2, 2]})
    found = stylized(write_onnx(tmp_path / "net.onnx", [reduce, ENLARGE], {"x": FIRST}, scales=SCALES), photo)
    source = pixels(photo)[::2, ::2].repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(found, source[:31, :45])
    assert "extended" not in capsys.readouterr().out


def test_a_picture_of_a_size_that_the_network_does_not_take_is_extended(photo, tmp_path, capsys):
    """A pooling leaves the last of 31 rows over; a sum with the input fails then."""
    reduce = ("MaxPool", ["x"], ["a"], {"kernel_shape": [2, 2], "strides": [2, 2]})
    for nodes in ([reduce, ENLARGE], [reduce, (*ENLARGE[:2], ["b"], ENLARGE[3]), ("Max", ["b", "x"], ["y"])]):
        found = stylized(write_onnx(tmp_path / "net.onnx", nodes, {"x": FIRST}, scales=SCALES), photo)
        source = np.pad(pixels(photo), ((0, 1), (0, 19), (0, 0)), mode="symmetric")
        blocks = source.reshape(16, 2, 32, 2, 3).max((1, 3))
        np.testing.assert_array_equal(found, blocks.repeat(2, 0).repeat(2, 1)[:31, :45])
        assert "the model fails on 45 x 31 pixels: extended by mirroring to 64 x 32" in capsys.readouterr().out


@pytest.mark.parametrize("scale", [2, 3])
def test_a_network_that_enlarges(scale, photo, tmp_path):
    """As those for super-resolution do (Shi et al. 2016), with the picture's transparency."""
    kernel = np.random.default_rng(1).normal(0, 0.2, (3 * scale**2, 3, 3, 3)).astype(np.float32)
    nodes = [
        ("Conv", ["x", "kernel"], ["a"], {"pads": [1, 1, 1, 1]}),
        ("DepthToSpace", ["a"], ["y"], {"blocksize": scale, "mode": "CRD"}),
    ]
    model = write_onnx(
        tmp_path / "net.onnx", nodes, {"x": FIRST}, output=(TensorProto.FLOAT, ("n", 3, "H", "W")), kernel=kernel
    )
    image = Image.open(photo)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(tmp_path / "visible.png")
    enlarged = torch.nn.functional.pixel_shuffle(
        torch.nn.functional.conv2d(tensor(photo), torch.from_numpy(kernel), padding=1), scale
    )
    found = stylized(model, tmp_path / "visible.png")
    np.testing.assert_allclose(found, enlarged[0].permute(1, 2, 0).clamp(0, 1), atol=0.51 / 255)
    alpha = np.asarray(Image.open(tmp_path / "net.png").getchannel("A"))
    wanted = image.getchannel("A").resize((scale * 45, scale * 31), Image.Resampling.LANCZOS)
    np.testing.assert_allclose(alpha, np.asarray(wanted).astype(int), atol=1)


def test_a_network_that_enlarges_pictures_of_one_size(photo, tmp_path):
    """The photo is extended to it; what is made of the rest is cut off."""
    nodes = [("Identity", ["x"], ["a"]), ENLARGE]
    output = TensorProto.FLOAT, (1, 3, 80, 100)
    model = write_onnx(tmp_path / "net.onnx", nodes, {"x": (1, 3, 40, 50)}, output=output, scales=SCALES)
    np.testing.assert_array_equal(stylized(model, photo), pixels(photo).repeat(2, 0).repeat(2, 1))


def test_a_network_that_makes_pictures_smaller_is_refused(photo, tmp_path, capsys):
    nodes = [("Conv", ["x", "kernel"], ["y"])]
    model = write_onnx(
        tmp_path / "net.onnx", nodes, {"x": FIRST}, output=(TensorProto.FLOAT, ("n", 3, "H", "W")), kernel=KERNEL
    )
    assert run_graph(model, photo, tmp_path / "a.png") == 1
    error = capsys.readouterr().err
    assert "the model returns float32 (1, 3, 29, 43) for float32 pictures (1, 3, 31, 45); RGB or grey pictures" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("shape", [("n", 1, "h", "w"), ("n", "h", "w", 1)])
def test_grey_pictures(shape, photo, tmp_path):
    """The grey of a photo is Pillow's."""
    model = write_onnx(tmp_path / "net.onnx", [("Neg", ["x"], ["y"])], {"x": shape})
    grey = 1 - np.asarray(Image.open(photo).convert("L"), np.float32) / 255
    found = stylized(model, photo, "--image-io", "signed")
    np.testing.assert_allclose(found, grey[..., None].repeat(3, 2), atol=1.01 / 255)


def test_drawings_of_photos_in_colour(photo, tmp_path):
    nodes = [("ReduceMax", ["x", "axes"], ["y"], {"keepdims": 1})]
    output = TensorProto.FLOAT, ("n", 1, "h", "w")
    model = write_onnx(tmp_path / "net.onnx", nodes, {"x": FIRST}, output=output, axes=np.array([1]))
    expected = pixels(photo).max(2, keepdims=True).repeat(3, 2)
    np.testing.assert_allclose(stylized(model, photo, "--image-io", "byte"), expected, atol=0.51 / 255)


def test_a_fixed_size(photo, tmp_path):
    model = write_onnx(tmp_path / "net.onnx", [("Identity", ["x"], ["y"])], {"x": (1, 3, 40, 50)})
    np.testing.assert_allclose(stylized(model, photo), pixels(photo), atol=0.51 / 255)


def test_bytes(photo, tmp_path, capsys):
    nodes = [("BitwiseNot", ["x"], ["y"])]
    model = write_onnx(tmp_path / "net.onnx", nodes, {"x": FIRST}, TensorProto.UINT8)
    np.testing.assert_allclose(stylized(model, photo, "--image-io", "byte"), 1 - pixels(photo), atol=1e-6)
    assert run_graph(model, photo, tmp_path / "a.png") == 1
    error = capsys.readouterr().err
    assert "net.onnx: takes uint8 pictures (any, 3, any, any): its image-io is byte or bgr, not unit" in error
    assert error.count("\n") == 1


def test_bytes_of_floats(photo, tmp_path):
    """Whole numbers of 8 bits are bytes, whatever a network takes."""
    nodes = [
        ("Mul", ["x", "factor"], ["a"]),
        ("Round", ["a"], ["b"]),
        ("Cast", ["b"], ["y"], {"to": TensorProto.UINT8}),
    ]
    output = TensorProto.UINT8, FIRST
    model = write_onnx(tmp_path / "net.onnx", nodes, {"x": FIRST}, output=output, factor=np.float32(255))
    np.testing.assert_array_equal(stylized(model, photo), pixels(photo))


def test_half_precision(photo, tmp_path):
    model = write_onnx(tmp_path / "net.onnx", [("Neg", ["x"], ["y"])], {"x": FIRST}, TensorProto.FLOAT16)
    found = stylized(model, photo, "--image-io", "signed")
    np.testing.assert_allclose(found, 1 - pixels(photo), atol=0.51 / 255 + 1e-3)


def test_unknown_values(photo, tmp_path, capsys):
    model = write_onnx(tmp_path / "net.onnx", [("Neg", ["x"], ["y"])], {"x": FIRST})
    known = "unit, signed, byte, imagenet, bgr, caffe"
    for names in (["rgb"], ["unit", "rgb"], ["unit", "byte", "unit"]):
        assert run_graph(model, photo, tmp_path / "a.png", "--image-io", *names) == 2
        error = capsys.readouterr().err
        assert error.endswith(f"error: --image-io {' '.join(names)}: must be one or two of {known}\n")


def test_grey_has_no_mean_pixel(photo, tmp_path, capsys):
    grey = ("n", 1, "h", "w")
    takes = write_onnx(tmp_path / "takes.onnx", [("Neg", ["x"], ["y"])], {"x": grey})
    mean = [("ReduceMean", ["x", "axes"], ["y"], {"keepdims": 1})]
    output = TensorProto.FLOAT, grey
    returns = write_onnx(tmp_path / "returns.onnx", mean, {"x": FIRST}, output=output, axes=np.array([1]))
    for model, message in (
        (takes, "takes grey pictures (any, 1, any, any): its image-io is unit, signed or byte, not caffe"),
        (returns, "the model returns grey pictures (1, 1, 31, 45); their image-io is unit, signed or byte"),
    ):
        assert run_graph(model, photo, tmp_path / "a.png", "--image-io", "caffe") == 1
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_a_published_network(shared, tmp_path):
    """Candy of PyTorch's examples, slimmed by gnsmrky for browsers: its own size, compared with ONNX Runtime."""
    model = tmp_path / "candy.onnx"
    shutil.copyfile(shared / "fixtures" / "real" / "onnx_style" / "gnsmrky_candy_nc8_256x256.onnx", model)
    photo = tmp_path / "photo.png"
    Image.open(ROOT / "pics" / "coffee.jpg").crop((100, 60, 356, 316)).save(photo)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    (answer,) = session.run(None, {given.name: tensor(photo).numpy() * 255})
    expected = np.clip(answer[0].transpose(1, 2, 0) / 255, 0, 1)
    np.testing.assert_allclose(stylized(model, photo, "--image-io", "byte"), expected, atol=0.51 / 255)
