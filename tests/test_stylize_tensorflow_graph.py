"""stylize_tensorflow_graph.py, alone with images/ and runtimes/ in an empty folder, as a server would run it."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import onnx
import pytest
import tifffile
from conftest import ROOT
from onnx import TensorProto, helper, numpy_helper
from PIL import ExifTags, Image
from support.left_behind import leave_temporary
from support.small_models import convolutional_model, inverting_model

import stylize_tensorflow_graph
import texture_nets
from model.generators.registry import build_generator
from model.saving import save_model
from pipelines.export.export import export_model

NAME = "stylize_tensorflow_graph.py"
IN_OPENVINO = ("--runtime", "openvino")
EXPORTS = {"saved_model": "export", "litert": "export.tflite", "onnx": "export.onnx"}


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """1 - x in all formats, and a random network as LiteRT; those of LiteRT take 40x60 alone."""
    folder = tmp_path_factory.mktemp("exports")
    save_model(inverting_model(), folder / "inverting.keras")
    save_model(convolutional_model(), folder / "convolutional.keras")
    for format, name in EXPORTS.items():
        export_model(input=folder / "inverting.keras", output=folder / name, format=format, size=(40, 60))
    export_model(input=folder / "convolutional.keras", output=folder / "net.tflite", format="litert", size=(40, 60))
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A folder with the program, images/, runtimes/ and nothing else."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(ROOT / NAME, folder)
    for name in ("images", "runtimes"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def photos(tmp_path):
    """A folder of two lossless photos of 60x40 and 90x120 pixels, the second with alpha."""
    folder = tmp_path / "photos"
    folder.mkdir()
    photo = Image.open(ROOT / "pics" / "coffee.jpg")
    photo.resize((60, 40)).save(folder / "fitting.png")
    other = photo.resize((90, 120)).convert("RGBA")
    other.putalpha(Image.linear_gradient("L").resize((90, 120)))
    other.save(folder / "other.png")
    return folder


def levels(path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def stylize(*arguments) -> int:
    return stylize_tensorflow_graph.main([str(argument) for argument in arguments])


@pytest.mark.parametrize("format", ["litert", "onnx"])
def test_pictures_are_written_when_nobody_reads_the_output(exports, photos, tmp_path, format):
    arguments = ["--input", photos, "--output", tmp_path / "out", "--model", exports / EXPORTS[format]]
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, NAME, *map(str, arguments)]
        result = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(writer)
    assert result.stderr == ""
    assert result.returncode == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"fitting.png", "other.png"}


@pytest.mark.parametrize("format", EXPORTS)
def test_alone_with_images(server, exports, photos, tmp_path, format):
    arguments = ["--input", photos, "--output", tmp_path / "out", "--model", exports / EXPORTS[format]]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "KERAS_BACKEND")}
    command = [sys.executable, NAME, *map(str, arguments)]
    result = subprocess.run(command, cwd=server, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    np.testing.assert_array_equal(levels(tmp_path / "out" / "fitting.png"), 255 - levels(photos / "fitting.png"))
    content, stylized = levels(photos / "other.png"), levels(tmp_path / "out" / "other.png")
    assert stylized.shape == content.shape
    np.testing.assert_array_equal(stylized[..., 3], content[..., 3])
    if format == "litert":
        steps = "90 x 120 pixels, the model takes only 60 x 40: shrunk to 30 x 40, extended by mirroring, enlarged"
        assert f"other.png: {steps} again" in result.stdout
        assert np.abs(stylized - (255 - content))[..., :3].mean() < 12
    else:
        np.testing.assert_array_equal(stylized[..., :3], 255 - content[..., :3])
    assert re.search(r"^stylised 2 of 2 in \d+\.\d\d s$", result.stdout, re.MULTILINE)
    loaded = {path.name for path in server.iterdir()}
    assert loaded - {"__pycache__"} == {NAME, "images", "runtimes"}


def test_smaller_pictures_are_not_resized(exports, photos, tmp_path, capsys):
    """Mirroring adds at the bottom and the right; what lies beyond the network's reach stays the same."""
    Image.open(photos / "fitting.png").crop((0, 0, 33, 21)).save(tmp_path / "small.png")
    for name in ("small.png", "photos/fitting.png"):
        output = tmp_path / f"new_{name.rpartition('/')[2]}"
        assert stylize("--input", tmp_path / name, "--output", output, "--model", exports / "net.tflite") == 0
    small, whole = levels(tmp_path / "new_small.png"), levels(tmp_path / "new_fitting.png")
    reach = 4  # convolutions of 5, 3 and 3 pixels
    np.testing.assert_array_equal(small[:-reach, :-reach], whole[: 21 - reach, : 33 - reach])
    assert small.shape == (21, 33, 3)
    assert "small.png: 33 x 21 pixels, the model takes only 60 x 40: extended by mirroring\n" in capsys.readouterr().out


def test_file_to_file_replaces(exports, photos, tmp_path):
    target = tmp_path / "new.tif"
    target.write_text("earlier")
    assert stylize("--input", photos / "fitting.png", "--output", target, "--model", exports / "export") == 0
    np.testing.assert_array_equal(levels(target), 255 - levels(photos / "fitting.png"))


def test_what_is_known_of_a_picture_is_kept(exports, photos, tmp_path):
    """16 bits in TIFF, EXIF data, resolution; a picture that EXIF turns is upright."""
    levels16 = np.random.default_rng(0).integers(0, 2**16, (20, 30, 3), np.uint16)
    tifffile.imwrite(tmp_path / "deep.tif", levels16, photometric="rgb")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Artist] = 6, "A. Painter"
    turned = Image.open(photos / "fitting.png").convert("RGB")
    turned.save(tmp_path / "turned.png", exif=exif, dpi=(300, 300))
    for source, target in (("deep.tif", "a.tif"), ("deep.tif", "a.png"), ("turned.png", "b.png")):
        common = "--model", exports / "export.onnx", "--input", tmp_path / source
        assert stylize(*common, "--output", tmp_path / target) == 0
    np.testing.assert_allclose(tifffile.imread(tmp_path / "a.tif"), 65535 - levels16.astype(int), atol=1)
    np.testing.assert_allclose(levels(tmp_path / "a.png"), (65535 - levels16.astype(int)) / 257, atol=0.51)
    result = Image.open(tmp_path / "b.png")
    np.testing.assert_array_equal(np.asarray(result), 255 - np.rot90(np.asarray(turned), -1))
    assert result.getexif()[ExifTags.Base.Artist] == "A. Painter"
    assert result.getexif().get(ExifTags.Base.Orientation, 1) == 1
    np.testing.assert_allclose(result.info["dpi"], 300, atol=0.1)


def test_a_saved_model_with_one_signature(photos, tmp_path, capsys):
    """Whatever it is called; of several it is the usual one."""
    import tensorflow as tf

    holder = tf.Module()
    spec = tf.TensorSpec((None, None, None, 3), tf.float32, name="image")
    functions = [tf.function(lambda image, k=k: k - image, input_signature=[spec]) for k in (1.0, 0.5)]
    common = ["--input", photos / "fitting.png", "--output", tmp_path / "out.png", "--model"]
    for names, code in ((["paint"], 0), (["paint", "serving_default"], 0), (["paint", "other"], 1)):
        model = tmp_path / "_".join(names)
        signatures = dict(zip(reversed(names), functions, strict=False))
        tf.saved_model.save(holder, str(model), signatures=signatures)
        capsys.readouterr()
        assert stylize(*common, model) == code
        np.testing.assert_array_equal(levels(tmp_path / "out.png"), 255 - levels(photos / "fitting.png"))
    assert "paint_other: cannot be loaded: it has no signature 'serving_default' (" in capsys.readouterr().err


def test_one_bad_file_does_not_stop_the_rest(exports, photos, tmp_path, capsys):
    (photos / "broken.jpg").write_text("no picture")
    (photos / "more").mkdir()
    (photos / "loop.png").symlink_to("loop.png")
    os.mkfifo(photos / "pipe.png")
    shutil.copy(photos / "fitting.png", photos / "z.bmp")
    assert stylize("--input", photos, "--output", tmp_path / "out", "--model", exports / "export.onnx") == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["fitting.png", "other.png", "z.png"]
    output = capsys.readouterr()
    lines = sorted(line.removeprefix(f"{NAME}: error: {photos}/") for line in output.err.splitlines())
    assert [line.partition(": ")[0] for line in lines] == ["broken.jpg", "loop.png", "pipe.png"]
    assert "stylised 3 of 6" in output.out


def test_a_full_disk_ends_the_run(exports, photos, tmp_path, capsys, monkeypatch):
    def fail(self, file, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    assert stylize("--input", photos, "--output", tmp_path / "out", "--model", exports / "export.onnx") == 1
    output = capsys.readouterr()
    assert len(output.err.splitlines()) == 1
    assert "fitting.png: cannot be written: No space left on device" in output.err
    assert "stylised 0 of 2" in output.out


def test_pictures_that_differ_in_their_suffix_alone(exports, photos, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "a.bmp", "a.gif", "b.bmp"):
        Image.open(photos / "fitting.png").convert("RGB").save(folder / name)
    inputs = [folder, folder / "a.png"]  # once by itself and once in its folder
    assert stylize("--input", *inputs, "--output", tmp_path / "out", "--model", exports / "export.onnx") == 0
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == ["a.bmp.png", "a.gif.png", "a.png", "b.png"]


def test_a_model_of_another_range_is_told(photos, tmp_path, capsys):
    for factor in (1.5, 255):
        picture, result = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ("n", "h", "w", 3)) for name in ("x", "y")
        )
        scale = numpy_helper.from_array(np.full(1, factor, np.float32), "scale")
        graph = helper.make_graph([helper.make_node("Mul", ["x", "scale"], ["y"])], "net", [picture], [result], [scale])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        onnx.save(model, tmp_path / "net.onnx")
        arguments = ["--input", photos / "fitting.png", "--output", tmp_path / "a.png"]
        assert stylize(*arguments, "--model", tmp_path / "net.onnx") == 0
        error = capsys.readouterr().err
        assert ("warning: the model returns values from " in error) == (factor == 255)
        assert error.endswith("; they are clipped to [0, 1]\n" if error else "")


def test_wrong_arguments(exports, photos, tmp_path, capsys):
    model, photo = exports / "export.onnx", photos / "fitting.png"
    shutil.copy(photo, tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "model.txt").write_text("no model")
    for message, *arguments in (
        ("nowhere.png: no such file or folder", "nowhere.png", tmp_path / "out", model),
        ("no pictures in this folder", tmp_path / "empty", tmp_path / "out", model),
        ("new.png: must be a folder", photos, tmp_path / "new.png", model),
        ("new.bmp: must end in one of", photo, tmp_path / "new.bmp", model),
        ("new: must end in one of", photo, tmp_path / "new", model),
        ("there is no folder", photo, tmp_path / "nowhere" / "new.png", model),
        ("fitting.png: an input or the output of another", photo, photos, model),
        ("no such file or folder", photo, tmp_path / "new.png", tmp_path / "nothing.onnx"),
        ("not a SavedModel folder, .tflite file or .onnx file", photo, tmp_path / "new.png", tmp_path / "model.txt"),
    ):
        source, target, model_path = arguments
        assert stylize("--input", source, "--output", target, "--model", model_path) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.startswith(f"{NAME}: error: --")
        assert error.count("\n") == 1
    both = [photo, tmp_path / "fitting.png"]
    assert stylize("--input", *both, "--output", tmp_path / "out", "--model", model) == 2
    assert f"output of another input ({both[0]} and {both[1]})" in capsys.readouterr().err
    assert stylize("--input", photo) == 2
    assert "the following arguments are required: --output, --model" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["model.tflite", "model.onnx", "folder"])
def test_broken_models(photos, tmp_path, capsys, name):
    if name == "folder":
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_bytes(b"broken")
    else:
        (tmp_path / name).write_bytes(b"broken" * 100)
    arguments = ["--input", photos, "--output", tmp_path / "out", "--model", tmp_path / name]
    assert stylize(*arguments) == 1
    error = capsys.readouterr().err
    assert f"{name}: cannot be loaded: " in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("operator", "sizes", "message"),
    [
        ("Log", ("batch", "height", "width", 3), "the model returns NaN or infinite values for 1 x 1 pixels"),
        ("Neg", (1, 0, 24, 3), "takes float32 (1, 0, 24, 3), not float32 RGB pictures (batch, height, width, 3)"),
        ("Neg", (4, 16, 24, 3), "takes batches of 4 pictures (4, 16, 24, 3); a batch of 1, or of any size, is needed"),
        (
            "Neg",
            (1, "height", 24, 3),
            "takes pictures (1, any, 24, 3); height and width must both be fixed",
        ),
        ("Shape", ("batch", "height", "width", 3), "the model returns int64 (4,) for float32 pictures (1, 1, 1, 3)"),
        ("Cast", ("batch", "height", "width", 3), "the model returns object (1, 1, 1, 3) for float32 pictures"),
    ],
)
def test_models_of_something_else(operator, sizes, message, tmp_path, capsys):
    """Written with onnx itself."""
    types = {"Shape": (TensorProto.INT64, [4], {}), "Cast": (TensorProto.STRING, sizes, {"to": TensorProto.STRING})}
    type_made, sizes_made, attributes = types.get(operator, (TensorProto.FLOAT, sizes, {}))
    given = helper.make_tensor_value_info("image", TensorProto.FLOAT, sizes)
    made = helper.make_tensor_value_info("stylized", type_made, sizes_made)
    graph = helper.make_graph(
        [helper.make_node(operator, ["image"], ["stylized"], **attributes)], "graph", [given], [made]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "a.onnx")
    Image.new("RGB", (1, 1)).save(tmp_path / "black.png")
    arguments = ["--input", tmp_path / "black.png", "--output", f"{tmp_path}/out/", "--model", tmp_path / "a.onnx"]
    assert stylize(*arguments) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("format", "package"), [("onnx", "onnxruntime"), ("onnx", "openvino"), ("litert", "ai-edge-litert")]
)
def test_a_missing_runtime_is_named(exports, photos, tmp_path, capsys, monkeypatch, format, package):
    for module in ("onnxruntime", "openvino", "ai_edge_litert.interpreter"):
        monkeypatch.setitem(sys.modules, module, None)
    model = ["--model", exports / EXPORTS[format], "--runtime", package]
    assert stylize("--input", photos, "--output", tmp_path / "out", *model) == 1
    assert f"needs the Python package {package}: pip install {package}" in capsys.readouterr().err


def test_openvino_runs_what_onnx_runtime_runs(exports, photos, tmp_path):
    common = ["--input", photos, "--model", exports / "export.onnx"]
    assert stylize(*common, "--output", tmp_path / "out", *IN_OPENVINO) == 0
    assert stylize(*common, "--output", tmp_path / "usual") == 0
    for name in ("fitting.png", "other.png"):
        np.testing.assert_allclose(levels(tmp_path / "out" / name), levels(tmp_path / "usual" / name), atol=1)


def test_a_runtime_is_one_of_the_models(exports, photos, tmp_path, capsys):
    for format, runtime, known in (
        ("litert", "openvino", "ai-edge-litert"),
        ("saved_model", "onnxruntime", "tensorflow"),
        ("onnx", "tensorrt", "onnxruntime or openvino"),
    ):
        model = ["--model", exports / EXPORTS[format], "--runtime", runtime]
        assert stylize("--input", photos, "--output", tmp_path / "out", *model) == 2
        error = capsys.readouterr().err
        assert error == f"{NAME}: error: --runtime {runtime}: {exports / EXPORTS[format]} runs in {known}\n"


@pytest.mark.parametrize(("format", "runtime"), [*((format, ()) for format in EXPORTS), ("onnx", IN_OPENVINO)])
def test_styles_are_blended_by_weights_in_their_order(format, runtime, photos, tmp_path):
    network = build_generator("hourglass", widths=(4, 4, 6), inner_blocks=1, styles=("wave", "scream"))
    random = np.random.default_rng(3)
    for weight in network.trainable_weights:
        weight.assign(weight + random.normal(0, 0.3, weight.shape))
    save_model(network, tmp_path / "gallery.keras")
    target = tmp_path / EXPORTS[format]
    export_model(input=tmp_path / "gallery.keras", output=target, format=format, size=(40, 60))
    common = ["--input", str(photos / "fitting.png"), "--model", str(target), *runtime, "--output"]
    assert stylize_tensorflow_graph.main([*common, str(tmp_path / "mixed.png"), "--style", "3", "1"]) == 0
    wanted = texture_nets.stylize(photos / "fitting.png", tmp_path / "gallery.keras", style={"wave": 3, "scream": 1})
    difference = np.abs(levels(tmp_path / "mixed.png") - 255 * wanted)
    # OpenVINO may compute in bfloat16, whose rounding this random network amplifies; another mixture is 50 levels away.
    assert difference.mean() < 6 if runtime else difference.max() < 2
    named = ["--style", "scream=1", "wave=3"]
    assert stylize_tensorflow_graph.main([*common, str(tmp_path / "named.png"), *named]) == 0
    np.testing.assert_array_equal(levels(tmp_path / "named.png"), levels(tmp_path / "mixed.png"))
    for weights in ([], ["--style", "1"], ["--style", "-1", "2"], ["--style", "0", "0"], ["--style", "x=1"]):
        assert stylize_tensorflow_graph.main([*common, str(tmp_path / "none.png"), *weights]) == 2


@pytest.mark.parametrize("format", EXPORTS)
def test_a_generator_of_textures_takes_no_pictures(format, photos, tmp_path, capsys):
    """A picture was taken for its noise."""
    save_model(build_generator("pyramid", mode="texture", noise_depth=3), tmp_path / "texture.keras")
    target = tmp_path / EXPORTS[format]
    export_model(input=tmp_path / "texture.keras", output=target, format=format, size=(64, 64))
    assert stylize("--input", photos / "fitting.png", "--output", tmp_path / "none.png", "--model", target) == 1
    assert capsys.readouterr().err.endswith(f"{target}: makes textures of noise, and takes no pictures\n")


def test_a_model_of_one_style_takes_no_weights(exports, photos, tmp_path, capsys):
    options = ["--input", str(photos / "fitting.png"), "--model", str(exports / "export.onnx"), "--style", "1"]
    assert stylize_tensorflow_graph.main([*options, "--output", str(tmp_path / "none.png")]) == 2
    assert "has a single style" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.usefixtures("usual_signals")
def test_signals_act_like_ctrl_c(number, monkeypatch, capsys):
    monkeypatch.setattr(stylize_tensorflow_graph, "run", lambda argv: os.kill(os.getpid(), number) or signal.pause())
    assert stylize_tensorflow_graph.main([]) == 130
    assert capsys.readouterr().err == f"{NAME}: interrupted\n"


def test_what_killed_runs_have_left_is_removed(exports, photos, tmp_path):
    (tmp_path / "out").mkdir()
    left = leave_temporary(tmp_path / "out" / "fitting.png")
    assert stylize("--input", photos, "--output", tmp_path / "out", "--model", exports / EXPORTS["onnx"]) == 0
    assert not left.exists()
