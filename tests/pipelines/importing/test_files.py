"""What imports write, in each format, against the values that Torch7 and Caffe computed."""

import hashlib
import json

import keras
import numpy as np
import onnx
import pytest
from support.caffe_cases import SHIPPED_CASES as CAFFE_CASES
from support.torch7_cases import SHIPPED_CASES as TORCH7_CASES

import import_caffe_weights
import import_torch_weights
from errors import ArgumentError
from model.provenance import PROVENANCE, read_provenance
from pipelines.importing.files import check_model_output
from runtimes.loading import load_graph

NETWORK = {case.name: case for case in TORCH7_CASES}["tn_johnson_small"]
CAFFE = {case.name: case for case in CAFFE_CASES}["v1_mini_alexnet"]


def import_torch(output, *arguments):
    command = ["--input", NETWORK.path, "--output", output, "--verify", NETWORK.reference, *arguments]
    assert import_torch_weights.main([str(argument) for argument in command]) == 0


@pytest.mark.parametrize("name", ["net.onnx", "net.tflite", "net"])
def test_torch7s_layout_in_every_runtime(tmp_path, capsys, name):
    given, expected = NETWORK.arrays()
    arguments = ["--image-io", "none", "--layout", "nchw"]
    if name == "net.tflite":
        return check_litert(tmp_path, given)
    import_torch(tmp_path / name, *arguments)
    (found,) = load_graph(tmp_path / name)(given.astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    told = capsys.readouterr().out
    assert "on recorded inputs: max difference" in told
    assert "input_0: ? x 3 x ? x ?\noutput_0: ? x 3 x ? x ?\n" in told
    if name == "net.onnx":
        assert f"SHA-256 {hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}" in told
        (entry,) = onnx.load(tmp_path / name).metadata_props
        record = json.loads(entry.value)
        assert entry.key == PROVENANCE
        assert record["sources"][0]["sha256"] == hashlib.sha256(NETWORK.path.read_bytes()).hexdigest()
        assert record["convention"] == "none"
    return None


def check_litert(tmp_path, given):
    """LiteRT has one size; channels last, here under the image contract."""
    import_torch(tmp_path / "net.tflite", "--dtype", "float16", "--size", "64x48")
    import_torch(tmp_path / "net.keras")
    graph = load_graph(tmp_path / "net.tflite")
    assert graph.inputs[0].name == "image"
    pixels = np.random.default_rng(0).random((1, 64, 48, 3), np.float32)
    (found,) = graph(pixels)
    expected = keras.saving.load_model(tmp_path / "net.keras")(pixels)
    assert np.abs(found - expected).max() < 0.02


def test_litert_in_caffes_layout_has_the_height_and_width_asked_for(tmp_path):
    case = next(case for case in CAFFE_CASES if case.name == "conv_group")
    files = ["--prototxt", case.prototxt, "--input", case.caffemodel, "--layout", "nchw", "--size", "24x20"]
    output = tmp_path / "net.tflite"
    assert import_caffe_weights.main([str(word) for word in [*files, "--output", output]]) == 0
    assert load_graph(output).inputs[0].shape == (1, 4, 24, 20)


def test_caffes_layout_in_a_keras_file(tmp_path, capsys):
    files = ["--prototxt", CAFFE.prototxt, "--input", CAFFE.caffemodel, "--verify", CAFFE.reference]
    output = tmp_path / "net.keras"
    assert import_caffe_weights.main([str(word) for word in [*files, "--output", output, "--layout", "nchw"]]) == 0
    (value,) = CAFFE.inputs().values()
    found = keras.saving.load_model(output)(value)
    np.testing.assert_allclose(found, CAFFE.blobs()["prob"], atol=1e-6)
    record = read_provenance(output)
    assert [source["name"] for source in record["sources"]] == [CAFFE.prototxt.name, CAFFE.caffemodel.name]
    assert record["parity"]["prob"] < 5e-5
    told = capsys.readouterr().out
    assert f"SHA-256 {hashlib.sha256(output.read_bytes()).hexdigest()}" in told
    assert "input data: any x 3 x 35 x 35\n" in told


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("net.h5", {}, "must end in .keras, .onnx or .tflite"),
        (".keras", {}, "must end in .keras, .onnx or .tflite"),
        (".onnx", {}, "must end in .keras, .onnx or .tflite"),
        ("no/net.onnx", {}, "there is no folder"),
        ("net.onnx", {"dtype": "float16"}, "`dtype` float16 is for .keras and .tflite"),
        ("net.keras", {"layout": "nwhc"}, "unknown `layout` 'nwhc'; did you mean 'nhwc'"),
    ],
)
def test_wrong_arguments(tmp_path, name, options, message):
    with pytest.raises(ArgumentError, match=message):
        check_model_output(tmp_path / name, [], **options)


def test_a_caffe_export_is_compared_on_what_caffe_recorded(tmp_path, capsys):
    files = ["--prototxt", CAFFE.prototxt, "--input", CAFFE.caffemodel, "--verify", CAFFE.reference]
    assert import_caffe_weights.main([str(word) for word in [*files, "--output", tmp_path / "caffe.onnx"]]) == 0
    assert "ONNX Runtime on recorded inputs: max difference" in capsys.readouterr().out
