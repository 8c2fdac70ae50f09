"""Networks for any style: a second picture as input, or what another network computes of it."""

import json

import numpy as np
import onnx
import pytest
from conftest import ROOT
from PIL import Image
from support.onnx_files import pixels, run_graph, stylized, write_onnx, write_photo

FIRST, LAST = ("n", 3, "h", "w"), ("n", "h", "w", 3)


@pytest.fixture
def photo(tmp_path):
    return write_photo(tmp_path / "photo.png")


@pytest.fixture
def painting(tmp_path):
    """A bright middle between dark sides, 32 rows and 64 columns."""
    colours = np.full((32, 64, 3), (10, 20, 30), np.uint8)
    colours[:, 16:48] = 250, 240, 230
    path = tmp_path / "painting.png"
    Image.fromarray(colours).save(path)
    return path


def mean_of(name, axes):
    return ("ReduceMean", [name, "axes"], ["mean"], {"keepdims": 1}), {"axes": np.array(axes)}


@pytest.mark.parametrize("names", [("content", "style"), ("style_image", "image"), ("a", "b")])
@pytest.mark.parametrize(("shape", "axes"), [(FIRST, (2, 3)), (LAST, (1, 2))])
def test_two_pictures(names, shape, axes, photo, painting, tmp_path):
    """The style is the input that is called so, else the second."""
    style = names[0] if "style" in names[0] else names[1]
    (content,) = set(names) - {style}
    mean, constants = mean_of(style, axes)
    nodes = [mean, ("Mul", [content, "mean"], ["y"])]
    model = write_onnx(tmp_path / "net.onnx", nodes, dict.fromkeys(names, shape), **constants)
    expected = pixels(photo) * pixels(painting).mean((0, 1))
    np.testing.assert_allclose(stylized(model, photo, "--style-image", painting), expected, atol=0.51 / 255)


def test_the_middle_of_the_style_picture_where_the_model_takes_a_square(photo, painting, tmp_path):
    mean, constants = mean_of("style", (2, 3))
    nodes = [mean, ("Mul", ["x", "mean"], ["y"])]
    model = write_onnx(tmp_path / "net.onnx", nodes, {"x": FIRST, "style": (1, 3, 32, 32)}, **constants)
    expected = pixels(photo) * np.array([250, 240, 230]) / 255
    np.testing.assert_allclose(stylized(model, photo, "--style-image", painting), expected, atol=0.51 / 255)


def test_a_model_that_computes_the_style(photo, painting, tmp_path):
    mean, constants = mean_of("x", (1, 2, 3))
    computing = write_onnx(tmp_path / "predict.onnx", [mean, ("Identity", ["mean"], ["y"])], {"x": FIRST}, **constants)
    nodes = [("Sub", ["x", "vector"], ["y"])]
    model = write_onnx(tmp_path / "net.onnx", nodes, {"x": FIRST, "vector": (1, 1, 1, 1)})
    options = "--style-image", painting, "--style-model", computing, "--image-io", "byte"
    expected = np.clip(pixels(photo) - pixels(painting).mean(), 0, 1)
    np.testing.assert_allclose(stylized(model, photo, *options), expected, atol=0.51 / 255)


def test_what_does_not_fit_is_told_in_one_line(photo, painting, tmp_path, capsys):
    one = write_onnx(tmp_path / "one.onnx", [("Neg", ["x"], ["y"])], {"x": FIRST})
    two = write_onnx(tmp_path / "two.onnx", [("Sub", ["x", "v"], ["y"])], {"x": FIRST, "v": (1, 1, 1, 1)})
    scalar = write_onnx(tmp_path / "scalar.onnx", [("Mul", ["x", "v"], ["y"])], {"x": FIRST, "v": ()})
    strength = write_onnx(tmp_path / "strength.onnx", [("Sub", ["x", "v"], ["y"])], {"x": FIRST, "v": (1, 1)})
    three = write_onnx(tmp_path / "three.onnx", [("Max", ["x", "v", "w"], ["y"])], dict.fromkeys("xvw", FIRST))
    weights = write_onnx(tmp_path / "weights.onnx", [("Neg", ["x"], ["y"])], {"x": FIRST, "style": ("n", 2)})
    for code, message, model, *options in (
        (1, "takes no style picture", one, "--style-image", painting),
        (1, "takes a style beside the picture, float32 (1, 1, 1, 1): a style picture is needed (--style-image)", two),
        (1, "takes v, float32 (), beside the picture; only a style can be given", scalar),
        (1, "takes v, float32 (), beside the picture; only a style", scalar, "--style-image", painting),
        (1, "takes a style beside the picture, float32 (1, 1): a style picture is", strength, "--style", "0.5"),
        (1, "the model that computes it is needed (--style-model)", two, "--style-image", painting),
        (1, "one.onnx: makes float32 (1, 3, 32, 64), the network takes float32 (1, 1, 1, 1)", two, "--style-image",
         painting, "--style-model", one),
        (1, "two.onnx: a model with one input and one output is needed", two, "--style-image", painting,
         "--style-model", two),
        (1, "has 3 inputs and 1 output; one or two inputs, a picture and its style, and one output are", three),
        (2, "--style-model is for the picture of --style-image, which is missing", two, "--style-model", one),
        (2, "--style-model nowhere.onnx: no such file or folder", two, "--style-image", painting, "--style-model",
         "nowhere.onnx"),
        (2, "--style-image nowhere.png: no such file", two, "--style-image", "nowhere.png", "--style-model", one),
        (2, "--style-image is empty", two, "--style-image="),
        (2, "weights are not for a model that takes a style picture", weights, "--style-image", painting, "--style",
         "1", "2"),
    ):  # fmt: skip
        assert run_graph(model, photo, tmp_path / "out.png", *options) == code
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not (tmp_path / "out.png").exists()


def test_a_network_of_several_styles_takes_no_picture_of_one(photo, painting, tmp_path, capsys):
    path = write_onnx(tmp_path / "net.onnx", [("Neg", ["x"], ["y"])], {"x": FIRST, "style": ("n", 2)})
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"texture_nets_provenance": json.dumps({"styles": ["wave", "scream"]})})
    onnx.save(model, path)
    assert run_graph(path, photo, tmp_path / "out.png", "--style-image", painting) == 1
    error = capsys.readouterr().err
    assert "takes weights of its styles (--style), not a style picture; it has wave, scream" in error


def test_published_networks(shared, tmp_path):
    """Magenta's (Ghiasi et al. 2017) as LiteRT files, compared with their runtime; pictures of their sizes."""
    from ai_edge_litert.interpreter import Interpreter

    files = shared / "fixtures" / "real" / "magenta_tflite"
    photo, painting = tmp_path / "photo.png", tmp_path / "painting.png"
    Image.open(ROOT / "pics" / "astronaut.jpg").crop((60, 0, 444, 384)).save(photo)
    Image.open(ROOT / "pics" / "coffee.jpg").crop((100, 60, 356, 316)).save(painting)
    network, predictor = files / "style_transfer_fp16.tflite", files / "style_predict_int8.tflite"

    def run(path, *given):
        interpreter = Interpreter(str(path))
        interpreter.allocate_tensors()
        for details, values in zip(interpreter.get_input_details(), given, strict=True):
            interpreter.set_tensor(details["index"], values)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    expected = run(network, pixels(photo)[None], run(predictor, pixels(painting)[None]))[0]
    output = tmp_path / "out.png"
    options = "--style-image", painting, "--style-model", predictor
    assert run_graph(network, photo, output, *options) == 0
    # The two may use threads differently; half a level is rounding to bytes.
    np.testing.assert_allclose(pixels(output), expected, atol=0.51 / 255 + 1e-3)
