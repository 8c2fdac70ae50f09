"""Exports in their own runtimes against the Keras model; the program that runs them here shares nothing with it."""

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from conftest import ROOT
from support.small_models import convolutional_model

from convert.torch7.file.reader import read_t7
from convert.torch7.image_io import wrap_network
from convert.torch7.network import convert_network
from errors import ArgumentError, UserError
from images.reading import read_image
from images.resizing import resize
from layers import ReflectionPadding2D
from model.generators.registry import build_generator
from model.noise import draw_noise
from model.saving import save_model
from pipelines.export.export import export_model
from stylize_tensorflow_graph import load_graph

TORCH7 = ROOT / "tests" / "data" / "torch7"
TARGETS = {"saved_model": "export", "litert": "export.tflite", "onnx": "export.onnx"}
BARS = {"saved_model": 1e-4, "litert": 1e-3, "onnx": 1e-3}
WIDTHS = (4, 8, 16)


def converted_network() -> keras.Model:
    """A network of fast-neural-style: zero padding, batch normalisation, scaled tanh, its own preprocessing."""
    network = convert_network(read_t7(TORCH7 / "fns_zero_bn_ckpt.t7")).model
    return wrap_network(network, "fast-neural-style")


# Every operator of the generators, once.
MODELS = {
    "johnson": lambda: build_generator("johnson", widths=WIDTHS, blocks=1),
    "johnson of Torch7": lambda: build_generator(
        "johnson", widths=WIDTHS, blocks=1, output="vgg", redundant_shifts=True, strided_padding="zero"
    ),
    "johnson, batch normalisation": lambda: build_generator(
        "johnson", widths=WIDTHS, blocks=1, normalization="batch", padding="zero", last_kernel_size=9
    ),
    "pyramid": lambda: build_generator("pyramid", scales=2, filters=4),
    "skip_unpool": lambda: build_generator("skip_unpool", widths=(8,)),
    "converted": converted_network,
}
TEXTURES = {
    "johnson": {"widths": WIDTHS, "blocks": 1},
    "pyramid": {"scales": 2, "filters": 4},
    "skip_unpool": {"widths": (8,)},
}


def photo(name: str, height: int, width: int) -> np.ndarray:
    return resize(read_image(ROOT / "pics" / name).pixels, height, width)


def psnr(found: np.ndarray, expected: np.ndarray) -> float:
    return -10 * np.log10(np.mean((found.astype(np.float64) - expected) ** 2))


@pytest.fixture(scope="module")
def calibration(tmp_path_factory):
    """A folder of two photos, neither of them chelsea.jpg; the first is what the export compares on."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut.jpg", "coffee.jpg"):
        (folder / name).symlink_to(ROOT / "pics" / name)
    return folder


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """Save a model and export it; return the export's path and report."""

    def run(model, format, **options):
        folder = tmp_path_factory.mktemp("export")
        save_model(model, folder / "model.keras")
        target = folder / TARGETS[format]
        report = export_model(input=folder / "model.keras", output=target, format=format, **options)
        assert sorted(path.name for path in folder.iterdir()) == sorted(["model.keras", target.name])
        return target, report

    return run


@pytest.mark.parametrize("format", TARGETS)
@pytest.mark.parametrize("name", MODELS)
def test_agrees_with_keras(export, name, format):
    keras.utils.set_random_seed(3)
    model = MODELS[name]()
    path, report = export(model, format, size=(64, 48))
    graph = load_graph(path)
    sizes = [(64, 48)] if format == "litert" else [(64, 48), (67, 91)]
    for height, width in sizes:
        images = photo("chelsea.jpg", height, width)[None]
        if format != "litert":
            images = np.concatenate([images, photo("coffee.jpg", height, width)[None]])
        np.testing.assert_allclose(graph.run(images), model(images), rtol=0, atol=BARS[format])
    assert all(comparison.max_difference < BARS[format] for comparison in report.comparisons)
    assert len(report.comparisons) == (1 if format == "litert" else 2)


@pytest.mark.parametrize("name", ["johnson", "pyramid"])
def test_kernels_of_a_saved_model_are_constants(export, name):
    """Also those inside conditions: oneDNN, which computes them three times as fast, looks no further."""
    path, _ = export(MODELS[name](), "saved_model", size=(64, 48))
    definition = tf.saved_model.load(str(path)).signatures["serving_default"].graph.as_graph_def()
    kinds = []
    for nodes in (definition.node, *(function.node_def for function in definition.library.function)):
        operations = {node.name: node.op for node in nodes}
        kernels = (node.input[1].split(":")[0] for node in nodes if node.op == "Conv2D")
        kinds += [operations.get(kernel) for kernel in kernels]
    assert len(kinds) > 2
    assert set(kinds) == {"Const"}


@pytest.mark.parametrize("format", TARGETS)
@pytest.mark.parametrize(
    "name", ["johnson", *(pytest.param(name, marks=pytest.mark.slow) for name in ("pyramid", "skip_unpool"))]
)
def test_networks_of_noise(export, name, format):
    keras.utils.set_random_seed(3)
    model = build_generator(name, mode="texture", **TEXTURES[name])
    path, report = export(model, format, size=(64, 32))
    noise = draw_noise(model, 64, 32, seed=5)
    assert report.sample == "noise"
    if format == "saved_model":
        serve = tf.saved_model.load(str(path)).signatures["serving_default"]
        (output,) = serve(noise=tf.constant(noise)).values()
    elif format == "litert":
        output = Interpreter(str(path)).get_signature_runner("serving_default")(noise=noise)["stylized"]
    else:
        (output,) = onnxruntime.InferenceSession(path).run(None, {"noise": noise})
    np.testing.assert_allclose(output, model(noise), rtol=0, atol=BARS[format])


@pytest.fixture(scope="module")
def johnson():
    """The generator at full width, with all the weights that one of Torch7 has."""
    keras.utils.set_random_seed(1)
    return build_generator("johnson", redundant_shifts=True)


@pytest.mark.parametrize(
    ("quantize", "most_megabytes", "least_psnr"),
    [("none", 6.8, 90), ("float16", 3.5, 60), ("dynamic", 1.8, 35), ("int8", 1.8, 30)],
)
def test_litert_at_full_width(export, johnson, calibration, quantize, most_megabytes, least_psnr):
    path, report = export(johnson, "litert", quantize=quantize, size=(128, 128), calibration=calibration)
    assert path.stat().st_size <= most_megabytes * 1e6
    assert report.size == path.stat().st_size
    images = photo("chelsea.jpg", 128, 128)[None]
    found, expected = load_graph(path).run(images), np.asarray(johnson(images))
    assert psnr(found, expected) >= least_psnr
    if quantize == "none":
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)
    assert found.dtype == np.float32


@pytest.mark.slow
@pytest.mark.parametrize("format", ["saved_model", "onnx"])
def test_full_width(export, johnson, format):
    path, _ = export(johnson, format, size=(96, 64))
    images = photo("chelsea.jpg", 83, 101)[None]
    np.testing.assert_allclose(load_graph(path).run(images), johnson(images), rtol=0, atol=BARS[format])


@pytest.mark.parametrize(
    ("quantize", "most_megabytes"),
    [
        pytest.param("none", 6.8, marks=pytest.mark.slow),
        pytest.param("float16", 3.5, marks=pytest.mark.slow),
        ("int8", 1.8),
    ],
)
def test_torch7_network_at_full_width(shared, export, calibration, quantize, most_megabytes):
    network = convert_network(read_t7(shared / "fixtures" / "torch7" / "tn_johnson_full.t7")).model
    model = wrap_network(network, "texture-nets")
    path, _ = export(model, "litert", quantize=quantize, size=(96, 64), calibration=calibration)
    assert path.stat().st_size <= most_megabytes * 1e6


def convolutions(path) -> list[tuple[str, str]]:
    """Return the types of the input and of the stored weights of each convolution in a .tflite file."""
    interpreter = Interpreter(str(path))
    types = {tensor["index"]: tensor["dtype"].__name__ for tensor in interpreter.get_tensor_details()}
    operators = interpreter._get_ops_details()
    assert not {op["op_name"] for op in operators if op["op_name"].startswith(("Flex", "CUSTOM"))}
    stored = {op["outputs"][0]: op["inputs"][0] for op in operators if op["op_name"] == "DEQUANTIZE"}
    pairs = [op["inputs"][:2] for op in operators if op["op_name"] == "CONV_2D"]
    return [(types[pictures], types[stored.get(kernel, kernel)]) for pictures, kernel in pairs]


def test_int8_calibrates_wide_convolutions(export, calibration):
    keras.utils.set_random_seed(1)
    model = build_generator("johnson", widths=(5, 24, 128), blocks=1)
    path, report = export(model, "litert", quantize="int8", size=(48, 48), calibration=calibration)
    found = convolutions(path)
    assert found.count(("int8", "int8")) == 2  # those of the residual block
    # The first three and the four that a transposed convolution becomes.
    assert found.count(("float32", "int8")) == 7
    # Those of less than 1024 weights: what the second transposed convolution becomes, and the last one.
    assert found.count(("float32", "float32")) == 5
    assert report.calibrated_on == 1


def test_int8_where_nothing_is_wide(export, calibration):
    keras.utils.set_random_seed(1)
    model = build_generator("johnson", widths=(8, 16, 32), blocks=1)
    path, report = export(model, "litert", quantize="int8", size=(32, 32), calibration=calibration)
    assert ("float32", "int8") in convolutions(path)
    assert ("int8", "int8") not in convolutions(path)
    assert report.calibrated_on == 0


def wide_model(largest: float = 1.0) -> keras.Model:
    """Three 1x1 convolutions, the wide one in the middle; its last channel is `largest`, and nothing reads it."""
    image = keras.Input((None, None, 3))
    layers = [keras.layers.Conv2D(filters, 1, use_bias=False) for filters in (128, 128, 3)]
    model = keras.Sequential([image, *layers])
    kernel = np.eye(128, dtype=np.float32)
    kernel[:, -1] = largest / 128
    layers[1].kernel.assign(kernel[None, None])
    kernel = np.array(layers[2].kernel)
    kernel[:, :, -1] = 0
    layers[2].kernel.assign(kernel)
    return model


def test_int8_of_a_sequential_model(export, calibration):
    keras.utils.set_random_seed(1)
    path, _ = export(wide_model(), "litert", quantize="int8", size=(32, 32), calibration=calibration)
    assert ("int8", "int8") in convolutions(path)


def test_an_export_that_differs_is_refused(export, calibration, tmp_path):
    keras.utils.set_random_seed(1)
    model = wide_model(largest=10000)
    export(model, "litert", size=(32, 32))
    save_model(model, tmp_path / "model.keras")
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "export.tflite"
    options = {"format": "litert", "quantize": "int8", "calibration": calibration, "size": (32, 32)}
    with pytest.raises(UserError, match=r"PSNR -?\d+\.\d dB on 32x32, .*at least 30 dB"):
        export_model(input=tmp_path / "model.keras", output=target, **options)
    assert not list(target.parent.iterdir())
    target.write_bytes(b"earlier")
    with pytest.raises(UserError, match="PSNR"):
        export_model(input=tmp_path / "model.keras", output=target, **options)
    assert [path.read_bytes() for path in target.parent.iterdir()] == [b"earlier"]


def test_a_saved_model_replaces_a_saved_model(tmp_path):
    save_model(convolutional_model(), tmp_path / "model.keras")
    options = {"input": tmp_path / "model.keras", "output": tmp_path / "out", "format": "saved_model", "size": (32, 32)}
    export_model(**options)
    (tmp_path / "out" / "note.txt").write_text("of the earlier one")
    export_model(**options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.keras", "out"]
    assert not (tmp_path / "out" / "note.txt").exists()
    load_graph(tmp_path / "out").run(np.zeros((1, 8, 9, 3), np.float32))


def test_a_network_trained_in_bfloat16_is_exported_in_float32(export):
    path, _ = export(convolutional_model(dtype="mixed_bfloat16"), "litert", size=(32, 40))
    images = photo("chelsea.jpg", 32, 40)[None]
    np.testing.assert_allclose(load_graph(path).run(images), convolutional_model()(images), rtol=0, atol=1e-5)


def test_other_folders_are_not_replaced(tmp_path):
    (tmp_path / "diary.txt").write_text("dear diary")
    with pytest.raises(ArgumentError, match="not a SavedModel, so it is not replaced"):
        export_model(input=tmp_path / "model.keras", output=tmp_path, format="saved_model")
    assert (tmp_path / "diary.txt").exists()


@pytest.mark.parametrize("format", TARGETS)
def test_noise_beside_the_picture(export, format):
    """Every runtime computes the same noise."""
    keras.utils.set_random_seed(1)
    model = build_generator("johnson", widths=WIDTHS, blocks=1, noise_depth=2)
    size = (32, 32) if format == "litert" else (40, 60)
    path, _ = export(model, format, size=(32, 32))
    images = photo("chelsea.jpg", *size)[None]
    np.testing.assert_allclose(load_graph(path).run(images), model(images), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("format", "runtime"), [("litert", "LiteRT"), ("onnx", "ONNX")])
def test_an_operator_that_the_runtime_does_not_have(export, capfd, format, runtime):
    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.ops.erfinv(image))
    with pytest.raises(UserError, match=f"{runtime} has no operator for Erfinv"):
        export(model, format, size=(32, 32))
    assert "error:" not in capfd.readouterr().err


def test_a_size_that_the_model_cannot_take(export):
    image = keras.Input((None, None, 3))
    padded = ReflectionPadding2D(20)(image)
    model = keras.Model(image, keras.layers.Cropping2D(20)(padded))
    with pytest.raises(UserError, match="cannot take pictures of 16x16"):
        export(model, "litert", size=(16, 16))


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("pipelines.export.export.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs onnx, onnxruntime, tf2onnx, .*pip install -r requirements-export\.txt"):
        export_model(input=tmp_path / "model.keras", output=tmp_path / "export.onnx", format="onnx")
