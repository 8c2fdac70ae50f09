"""Exports of models that are no generators: own inputs and outputs, in each runtime, against the Keras model."""

import hashlib
import json
import os
import shutil
import zipfile

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from support.small_models import inverting_model

from compat import tflite_flatbuffers
from errors import ArgumentError, UserError
from layers import PaddedConv2DTranspose, Parameter, ReflectionPadding2D
from model.generators.registry import build_generator
from model.provenance import PROVENANCE, add_provenance, make_provenance, read_provenance
from model.saving import save_model
from pipelines.export.export import export_model
from runtimes.graph import GraphError
from runtimes.loading import load_graph

TARGETS = {"saved_model": "export", "litert": "export.tflite", "onnx": "export.onnx"}
TOLERANCES = {"saved_model": 1e-4, "litert": 1e-3, "onnx": 1e-4}


def of_words_and_a_picture() -> keras.Model:
    """Indices and a grey picture of any size in; class scores and a feature map out, by name."""
    words = keras.Input((5,), dtype="int32", name="words")
    picture = keras.Input((None, None, 1), name="grey-picture")
    x = keras.layers.Flatten()(keras.layers.Embedding(7, 4)(words))
    features = keras.layers.Conv2D(6, 3, strides=2, activation="relu")(picture)
    joined = keras.layers.Concatenate()([x, keras.layers.GlobalAveragePooling2D()(features)])
    return keras.Model(
        [words, picture], {"prob/1": keras.layers.Dense(3, activation="softmax")(joined), "map": features}
    )


def of_indices_in_float() -> keras.Model:
    """Indices as floats, from 1, as Torch7 counts."""
    words = keras.Input((6,), name="input_0")
    x = keras.layers.Embedding(4, 3)(keras.ops.cast(words - 1, "int32"))
    return keras.Model(words, keras.layers.LSTM(5, name="output_0")(x))


def of_volumes() -> keras.Model:
    volume = keras.Input((None, None, None, 2), name="volume")
    return keras.Model(volume, keras.layers.Conv3D(4, 3, padding="same", name="filtered")(volume))


def of_a_leaky_sum() -> keras.Model:
    """A sum of convolutions with a leaky rectifier, whose slope TensorFlow's graphs lose."""
    x = keras.Input((None, None, 2))
    y = keras.layers.Conv2D(4, 3, padding="same", bias_initializer="ones")(x)
    return keras.Model(x, keras.layers.LeakyReLU(0.1)(y + keras.layers.Conv2D(4, 3, padding="same")(y)))


def of_strides_above_the_kernel() -> keras.Model:
    """Transposed convolutions with rows between the kernel's places, of a fixed size."""
    x = keras.Input((6, 7, 2))
    first = PaddedConv2DTranspose(3, 2, strides=3, padding=1)(x)
    return keras.Model(x, PaddedConv2DTranspose(2, 1, strides=(2, 1), output_padding=(1, 0))(first))


def of_a_constant() -> keras.Model:
    """A second output that does not depend on the input."""
    x = keras.Input((3,))
    return keras.Model(x, [keras.layers.Dense(2)(x), Parameter((1, 2))(x)])


def of_positions() -> keras.Model:
    """The exact GELU, and where its largest and smallest numbers are."""
    x = keras.Input((6, 5))
    y = keras.ops.gelu(keras.layers.Dense(4)(x), approximate=False)
    largest, smallest = keras.ops.argmax(y, axis=-1), keras.ops.argmin(y, axis=1, keepdims=True)
    return keras.Model(x, [y, largest, keras.ops.cast(smallest, "float32")])


def of_constants() -> keras.Model:
    """A layer whose mean and deviation are no weights."""
    x = keras.Input((None, None, 2))
    return keras.Model(x, keras.layers.Normalization(mean=[0.1, 0.2], variance=[0.5, 2.0])(x))


def of_rows_beyond_the_last_place() -> keras.Model:
    """A transposed convolution whose last row and column are the bias alone."""
    x = keras.Input((None, None, 2))
    settings = {"strides": 2, "padding": "valid", "output_padding": 1, "bias_initializer": "ones"}
    return keras.Model(x, keras.layers.Conv2DTranspose(4, 3, **settings)(x))


def of_smooth_enlargement() -> keras.Model:
    """What Keras 3.15 can compile for known sizes alone."""
    x = keras.Input((None, None, 3), name="image")
    return keras.Model(x, keras.layers.UpSampling2D(2, interpolation="bilinear")(x))


MODELS = {
    "constants of a layer": of_constants,
    "rows beyond the last place": of_rows_beyond_the_last_place,
    "leaky sum": of_a_leaky_sum,
    "constant": of_a_constant,
    "strides above the kernel": of_strides_above_the_kernel,
    "positions": of_positions,
    "two inputs": of_words_and_a_picture,
    "indices": of_indices_in_float,
    "volumes": of_volumes,
    "vector": lambda: keras.Sequential([keras.Input((9,), name="x"), keras.layers.Dense(4, name="y")]),
    "one size": lambda: keras.Sequential(
        [keras.Input((12, 10, 3)), keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(2)]
    ),
}


@pytest.fixture
def export(tmp_path):
    """Save a model and export it; return the export's path and report."""

    def run(model, format, **options):
        save_model(model, tmp_path / "model.keras")
        target = tmp_path / TARGETS[format]
        return target, export_model(input=tmp_path / "model.keras", output=target, format=format, **options)

    return run


def inputs_of(report, seed=7) -> dict[str, np.ndarray]:
    """Inputs that the program has not seen: whole numbers fit embeddings and pictures alike."""
    random = np.random.default_rng(seed)
    return {
        tensor.name: random.integers(1, 4, tensor.sample_shape).astype(tensor.dtype) for tensor in report.plan.inputs
    }


@pytest.mark.parametrize("format", TARGETS)
@pytest.mark.parametrize("name", MODELS)
def test_agrees_with_keras(export, name, format):
    keras.utils.set_random_seed(2)
    model = MODELS[name]()
    path, report = export(model, format, size=(32, 24))
    graph = load_graph(path)
    given = inputs_of(report)
    assert {tensor.name: tensor.dtype for tensor in graph.inputs} == {
        tensor.name: tensor.dtype for tensor in report.plan.inputs
    }
    found = graph.run(given)
    expected = keras.tree.flatten(keras.Model(model.inputs, model.outputs)(list(given.values())))
    assert sorted(found) == sorted(report.plan.outputs)
    for output, values in zip(report.plan.outputs, expected, strict=True):
        bar = TOLERANCES[format] * float(np.abs(values).max())
        np.testing.assert_allclose(found[output], values, rtol=0, atol=bar)
    assert report.sample == "random inputs"
    assert report.sha256 == (hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else report.sha256)


def test_names_and_sizes(export):
    _, report = export(of_words_and_a_picture(), "onnx", size=(20, 30))
    assert [(tensor.name, tensor.shape) for tensor in report.plan.inputs] == [
        ("words", (None, 5)),
        ("grey_picture", (None, None, None, 1)),
    ]
    assert report.plan.outputs == ("map", "prob/1")  # as Keras sorts them
    assert report.comparisons[0].shapes == ((1, 5), (1, 20, 30, 1))
    assert "OpenCV 4" in report.opencv
    path, report = export(of_words_and_a_picture(), "litert", input_shape=[(None,), (40, 30, None)])
    assert [tensor.shape for tensor in load_graph(path).inputs] == [(1, 5), (1, 40, 30, 1)] or [
        tensor.shape for tensor in load_graph(path).inputs
    ] == [(1, 40, 30, 1), (1, 5)]


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("format", TARGETS)
def test_one_tensor_under_several_names(export, format, layout):
    x = keras.Input((4, 5, 2), name="x")
    y = keras.layers.Conv2D(3, 3, bias_initializer="ones")(x)
    model = keras.Model(x, {"dropped": y, "convolved": y, "more": [y, x]})
    path, report = export(model, format, layout=layout)
    assert report.plan.outputs == ("convolved", "dropped", "more_0", "more_1")
    found = load_graph(path).run(inputs_of(report))
    np.testing.assert_array_equal(found["convolved"], found["dropped"])
    assert sorted(found) == sorted(report.plan.outputs)


@pytest.mark.parametrize(("format", "layout"), [("onnx", "nhwc"), ("onnx", "nchw"), ("saved_model", "nchw")])
@pytest.mark.parametrize("kind", ["list", "dict"])
def test_an_output_may_be_an_input(export, format, layout, kind):
    """ONNX has no two tensors of one name, nor has Keras two layers; keys of a dict stay elsewhere."""
    x = keras.Input((None, None, 2), name="x")
    outputs = [x, keras.layers.Conv2D(2, 1, name="y")(x)]
    model = keras.Model(x, outputs if kind == "list" else dict(zip("xy", outputs, strict=True)))
    path, report = export(model, format, layout=layout, size=(4, 5))
    name = "x" if (format, kind) == ("saved_model", "dict") else "x_2"
    assert report.plan.outputs == (name, "y")
    given = inputs_of(report)
    np.testing.assert_array_equal(load_graph(path).run(given)[name], given["x"])


def test_opencv_runs_a_plain_network(export):
    _, report = export(MODELS["one size"](), "onnx", layout="nchw")
    assert report.plan.inputs[0].shape == (None, 3, 12, 10)
    assert "runs it: max difference from ONNX Runtime" in report.opencv


def test_opencv_runs_a_file_in_a_folder_whose_name_is_not_utf8(tmp_path):
    """OpenCV ended the process, and left the file under its temporary name."""
    save_model(MODELS["one size"](), tmp_path / "model.keras")
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    report = export_model(input=tmp_path / "model.keras", output=folder / "export.onnx", format="onnx", layout="nchw")
    assert "runs it" in report.opencv
    assert [path.name for path in folder.iterdir()] == ["export.onnx"]


def test_opencv_finds_positions(export):
    x = keras.Input((8, 8, 3))
    found = keras.ops.argmax(keras.layers.Conv2D(4, 3)(x), axis=-1)
    _, report = export(keras.Model(x, keras.ops.cast(found, "float32")), "onnx")
    assert "runs it" in report.opencv


def test_both_directions_and_attention(export):
    """Keras forgets a third of what it makes of the first, and OpenCV 4.11 crashes on the second."""
    x = keras.Input((5, 4))
    both = keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True))(x)
    _, report = export(keras.Model(x, keras.layers.MultiHeadAttention(2, 4)(both, both)), "onnx")
    assert "was not tried" in report.opencv


def test_opencv_runs_mirrored_edges_of_fixed_sizes(export):
    image = keras.Input((None, None, 2))
    model = keras.Model(image, keras.layers.Conv2D(2, 3)(ReflectionPadding2D(1)(image)))
    _, free = export(model, "onnx")
    assert free.opencv.endswith("; it may if export_model.py --input-shape fixes the sizes")
    _, fixed = export(model, "onnx", input_shape=[(12, 10, None)])
    assert "runs it: max difference from ONNX Runtime" in fixed.opencv


@pytest.mark.parametrize("format", TARGETS)
def test_channels_first(export, format):
    keras.utils.set_random_seed(2)
    model = of_volumes()
    path, report = export(model, format, layout="nchw", input_shape=[(2, 4, 5, 6)])
    x = np.random.default_rng(1).standard_normal((1, 2, 4, 5, 6)).astype(np.float32)
    (found,) = load_graph(path)(x)
    assert report.plan.outputs == ("filtered",)
    np.testing.assert_allclose(found.transpose(0, 2, 3, 4, 1), model(x.transpose(0, 2, 3, 4, 1)), atol=1e-5)


@pytest.mark.parametrize("format", TARGETS)
def test_names_of_inputs_may_begin_with_anything(export, format):
    """TensorFlow takes letters alone there, and no words of Python; networks from ONNX files number their inputs."""
    names = ["input_0", "input_y", "input_0_2", "input_self", "input_lambda"]
    inputs = [keras.Input((4, 5, 2), name=name) for name in ("0", "_y", "input_0", "self", "lambda")]
    path, report = export(keras.Model(inputs, sum(i * x for i, x in enumerate(inputs))), format)
    assert [tensor.name for tensor in report.plan.inputs] == names
    given = {name: np.full((1, 4, 5, 2), i, np.float32) for i, name in enumerate(names)}
    (found,) = load_graph(path).run(given).values()
    np.testing.assert_array_equal(found, np.full((1, 4, 5, 2), 1 + 4 + 9 + 16))


@pytest.mark.parametrize("name", ["permute", "functional"])
def test_channels_first_of_layers_with_names_that_keras_gives(export, name):
    x = keras.Input((None, None, 2), name="x")
    model = keras.Model(x, keras.layers.Conv2D(3, 1, name=name)(x))
    keras.utils.clear_session()  # as in a program that has loaded the model
    _, report = export(model, "saved_model", layout="nchw")
    assert report.plan.outputs == (name,)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_embeddings_in_models_within_models_get_indices(export, layout):
    """The number of rows is far below that of the levels that whole numbers have otherwise."""
    words = keras.Input((5,), dtype="int32", name="words")
    inner = keras.Sequential([keras.Input((5,), dtype="int32"), keras.layers.Embedding(3, 4)])
    _, report = export(keras.Model(words, inner(words)), "onnx", layout=layout)
    assert report.comparisons


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_channels_first_with_the_size_asked_for(export, layout):
    shape = (None, None, 2) if layout == "nchw" else (2, None, None)
    pictures = keras.Input(shape, name="pictures")
    path, report = export(keras.Model(pictures, keras.layers.ReLU()(pictures)), "litert", layout=layout, size=(6, 7))
    assert load_graph(path).inputs[0].shape == (1, 2, 6, 7)
    assert report.comparisons[0].shapes == ((1, 2, 6, 7),)


def test_recorded_inputs(export, tmp_path):
    random = np.random.default_rng(0)
    np.savez(tmp_path / "samples.npz", x=random.random((4, 9)))
    _, report = export(MODELS["vector"](), "onnx", samples=tmp_path / "samples.npz")
    assert [comparison.shapes for comparison in report.comparisons] == [((1, 9),), ((4, 9),)]
    assert report.sample == "recorded inputs"
    np.savez(tmp_path / "volumes.npz", volume=random.random((3, 4, 5, 6, 2)))
    path, _ = export(of_volumes(), "litert", samples=tmp_path / "volumes.npz")
    assert load_graph(path).inputs[0].shape == (1, 4, 5, 6, 2)
    wrong = (
        ({"y": np.zeros((1, 9))}, "no recorded array 'x'"),
        ({"x": np.zeros((1, 8))}, "is 9"),
        ({"x": np.full((1, 9), np.nan)}, "'x' holds other than finite numbers"),
        ({"x": np.full((1, 9), "one")}, "the array x has values of type <U3, not numbers"),
        ({"x": np.full((1, 9), 1e300)}, "'x' holds other than finite numbers"),
        ({"x": np.zeros((0, 9))}, r"'x' is empty: \(0, 9\)"),
        ({"x": np.float32(1)}, "`samples` of numbers: the input x is 9"),
    )
    for arrays, message in wrong:
        np.savez(tmp_path / "wrong.npz", **arrays)
        with pytest.raises(UserError, match=message):
            export(MODELS["vector"](), "onnx", samples=tmp_path / "wrong.npz")
    np.savez(tmp_path / "empty.npz", volume=np.zeros((1, 4, 0, 6, 2)))
    with pytest.raises(UserError, match="`samples`: the recorded array 'volume' is empty"):
        export(of_volumes(), "onnx", samples=tmp_path / "empty.npz")
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    with pytest.raises(UserError, match=r"`samples` .*broken\.npz: not an \.npz file"):
        export(MODELS["vector"](), "onnx", samples=tmp_path / "broken.npz")


def test_int8_from_recorded_inputs(export, tmp_path):
    keras.utils.set_random_seed(2)
    features = keras.Input((None, None, 128), name="features")
    model = keras.Model(features, keras.layers.Conv2D(128, 3, name="next")(features))
    np.savez(tmp_path / "calibration.npz", features=np.random.default_rng(0).normal(size=(5, 8, 8, 128)))
    path, report = export(model, "litert", quantize="int8", calibration=tmp_path / "calibration.npz")
    assert report.calibrated_on == 5
    assert path.stat().st_size < 128 * 128 * 9 * 1.5
    with pytest.raises(ArgumentError, match="int8 needs `calibration`"):
        export(model, "litert", quantize="int8")


def test_int8_from_inputs_that_the_model_cannot_take(export, tmp_path):
    features = keras.Input((None, None, 128), name="features")
    filtered = keras.layers.Conv2D(128, 3, padding="same", name="next")(features)
    model = keras.Model(features, keras.layers.Reshape((16, 128))(filtered))
    wrong = (
        (np.zeros((1, 2, 2, 128)), "the model fails on 2x2x128: "),
        (np.full((1, 4, 4, 128), 3e38), "layer next are not"),
    )
    for values, message in wrong:
        np.savez(tmp_path / "calibration.npz", features=values)
        with pytest.raises(UserError, match=f"`calibration`: .*{message}"):
            export(model, "litert", quantize="int8", calibration=tmp_path / "calibration.npz")


def test_an_export_that_its_runtime_refuses(export, monkeypatch):
    def refuse(path):
        raise GraphError(f"{path}: cannot be loaded: no such operator")

    monkeypatch.setattr("pipelines.export.run.load_graph", refuse)
    with pytest.raises(UserError, match=r"model\.keras: the export cannot be loaded: no such operator$"):
        export(MODELS["vector"](), "saved_model")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": [(3,), (4,)]}, "`input_shape`: 2 shapes for 1 input; each input needs one"),
        ({"input_shape": [(8,)]}, "`input_shape` 8: the input x is 9"),
        ({"input_shape": [(0,)]}, "`input_shape` 0: sizes must be at least 1"),
        ({"layout": "nwhc"}, "unknown `layout` 'nwhc'; did you mean 'nhwc'"),
        ({"samples": "nothing.npz"}, "`samples` nothing.npz: no such file"),
    ],
)
def test_wrong_arguments(export, options, message):
    with pytest.raises(ArgumentError, match=message.replace("?", r"\?")):
        export(MODELS["vector"](), "onnx", **options)


def test_levels_are_no_pictures(export, tmp_path):
    np.savez(tmp_path / "levels.npz", image=np.full((1, 8, 8, 3), 255, np.uint8))
    with pytest.raises(UserError, match=r"`calibration`: .* 'image' is uint8; pictures must be floats from 0 to 1"):
        export(inverting_model(), "onnx", calibration=tmp_path / "levels.npz")


@pytest.mark.parametrize("option", [{"size": (10**9, 10**9)}, {"input_shape": [(10**9, 10**9, 10**9, None)]}])
def test_inputs_beyond_all_memory(export, option):
    free = keras.Input((None, None, 2)) if "size" in option else of_volumes().inputs[0]
    with pytest.raises(ArgumentError, match=r"^`size`, `input_shape`: the input .* has more than 536,870,912 values$"):
        export(keras.Model(free, free * 2.0), "onnx", **option)


@pytest.mark.parametrize("format", ["onnx", "saved_model"])
def test_a_layer_that_cannot_be_compiled_for_every_size_is_one_line(export, format):
    message = r"the model cannot take .*\?x\?.*`input_shape` sets the sizes .*UpSampling2D: [^\n]*$"
    with pytest.raises(UserError, match=message):
        export(of_smooth_enlargement(), format)
    assert export(of_smooth_enlargement(), format, input_shape=[(6, 5, 3)])[1].comparisons


def test_a_layer_that_cannot_be_compiled_for_every_size_has_one_in_litert(export):
    assert export(of_smooth_enlargement(), "litert", size=(6, 5))[1].comparisons


def test_a_model_without_finite_outputs_is_not_proven(export):
    x = keras.Input((4,), name="x")
    with pytest.raises(UserError, match="has no finite values; give suitable inputs as `samples`"):
        export(keras.Model(x, x / 0.0 - x / 0.0), "onnx")


def test_provenance_goes_along(export, tmp_path):
    (tmp_path / "source.t7").write_bytes(b"network")
    record = make_provenance([tmp_path / "source.t7"], convention="none", parity={"max difference": 1e-7})
    assert record["sources"] == [{"name": "source.t7", "sha256": hashlib.sha256(b"network").hexdigest()}]
    save_model(MODELS["vector"](), tmp_path / "model.keras")
    add_provenance(tmp_path / "model.keras", record)
    assert read_provenance(tmp_path / "model.keras") == record
    assert keras.saving.load_model(tmp_path / "model.keras").inputs[0].name == "x"
    for format, name in TARGETS.items():
        export_model(input=tmp_path / "model.keras", output=tmp_path / name, format=format)
    properties = {entry.key: entry.value for entry in onnx.load(tmp_path / "export.onnx").metadata_props}
    assert json.loads(properties[PROVENANCE]) == record
    flat = tflite_flatbuffers().read_model(str(tmp_path / "export.tflite"))
    (entry,) = [entry for entry in flat.metadata if entry.name.decode() == PROVENANCE]
    assert json.loads(bytes(flat.buffers[entry.buffer].data)) == record
    extra = tmp_path / "export" / "assets.extra" / f"{PROVENANCE}.json"
    assert json.loads(extra.read_text()) == record
    tf.saved_model.load(str(tmp_path / "export"))


def test_the_names_of_styles_go_along_where_channels_come_first(tmp_path):
    """They were lost."""
    network = build_generator("hourglass", widths=(4, 4, 6), inner_blocks=1, styles=("wave", "scream"))
    save_model(network, tmp_path / "model.keras")
    export_model(
        input=tmp_path / "model.keras", output=tmp_path / "e", format="saved_model", size=(32, 32), layout="nchw"
    )
    assert json.loads((tmp_path / "e" / "assets.extra" / f"{PROVENANCE}.json").read_text()) == {
        "styles": ["wave", "scream"]
    }


def test_no_provenance(tmp_path):
    save_model(MODELS["vector"](), tmp_path / "model.keras")
    assert read_provenance(tmp_path / "model.keras") is None
    (tmp_path / "text.keras").write_text("no archive")
    assert read_provenance(tmp_path / "text.keras") is None
    with zipfile.ZipFile(tmp_path / "list.keras", "w") as archive:
        archive.writestr("metadata.json", "[1]")
    assert read_provenance(tmp_path / "list.keras") is None


def test_a_full_disk_is_one_line(export, monkeypatch, tmp_path):
    """What TensorFlow raises then, with the file's name shortened."""
    message = "{{function_node __wrapped__SaveV2}} variables/part-00000.tempstate1; No space left on device [Op:SaveV2]"

    def save(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, message)

    monkeypatch.setattr(tf.saved_model, "save", save)
    with pytest.raises(OSError, match=r": cannot be written: No space left on device$"):
        export(MODELS["vector"](), "saved_model")
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_a_full_disk_of_temporary_files_is_told_of_litert_exports(export, monkeypatch, tmp_path):
    """TensorFlow's converter went on without the names of the outputs: "the export fails on 7: 'output'"."""
    usage = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(UserError, match=r"disk has 0 MB free, the run may need 10 MB \(TMPDIR names another folder"):
        export(MODELS["vector"](), "litert")
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([1.0, 2.0], "runs it: max difference from ONNX Runtime 0.0e+00 of the largest value"),
        ([1.0, 5.0], "gives other numbers: max difference from ONNX Runtime 1.5e+00 of the largest value"),
        ([[1.0, 2.0]], "gives an output of (1, 2) where ONNX Runtime has (2,)"),
    ],
)
def test_opencv_may_give_other_numbers(found, told):
    """It was said to run networks of which it made something else."""
    from pipelines.export.check import _agreement

    assert _agreement([np.array(found)], [np.array([1.0, 2.0])]) == told


def test_what_opencv_says_is_told():
    """Its messages quote others, with places in its source; they were cut to "..."."""
    from pipelines.export.check import _reason

    inner = (
        "OpenCV(4.11.0) /io/opencv/modules/core/src/matrix.cpp:246: error: (-215:Assertion failed) s >= 0 in 'setSize'"
    )
    outer = f"OpenCV(4.11.0) /io/onnx_importer.cpp:58: error: (-2:Unspecified error)\n> Node a{'/b' * 99} {inner}\n"
    told = _reason(RuntimeError(outer))
    assert told.startswith("(-2:Unspecified error) > Node a/b")
    assert "OpenCV(" not in told
    assert "s >= 0" in told
