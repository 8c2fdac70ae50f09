"""The command line of the Caffe importer, in process."""

import re

import numpy as np
import pytest
from PIL import Image
from support.caffe_cases import SHIPPED_CASES, nhwc
from support.caffe_writer import input_layer, write_network

from import_caffe_weights import main
from model.saving import load_model

CASES = {case.name: case for case in SHIPPED_CASES}


def run(case, *arguments, output=None):
    files = ["--prototxt", str(case.prototxt), "--input", str(case.caffemodel)]
    return main([*files, *(["--output", str(output)] if output else []), *map(str, arguments)])


def test_import_reports_what_it_did(tmp_path, capsys):
    case, output = CASES["v1_mini_alexnet"], tmp_path / "model.keras"
    assert run(case, "--verify", case.reference, output=output) == 0
    told = capsys.readouterr().out
    assert len(re.findall(r"max difference \S+, relative \S+", told)) == 10
    assert "layers converted: 15" in told
    assert "blobs: 10 read, 10 used, 0 unused" in told
    assert "parameters: 4,710" in told
    assert f"wrote {output}: {output.stat().st_size:,} bytes" in told
    (value,) = case.inputs().values()
    np.testing.assert_allclose(load_model(output)(nhwc(value)), case.blobs()["prob"], atol=1e-6)


def test_outputs_and_until_choose(tmp_path):
    case, output = CASES["v1_mini_alexnet"], tmp_path / "model.keras"
    assert run(case, "--until", "norm1", output=output) == 0
    assert load_model(output).output.shape[-1] == 8
    assert run(case, "--outputs", "conv2,conv1", output=output) == 0
    assert sorted(load_model(output).output) == ["conv1", "conv2"]


def test_pooling_can_be_changed(tmp_path):
    case, output = CASES["pool_ave_k3s2_overhang"], tmp_path / "model.keras"
    assert run(case, "--pooling", "max", output=output) == 0
    (value,) = case.inputs().values()
    pooled = np.asarray(load_model(output)(nhwc(value)))
    assert pooled.max() == value[..., :1000].max()
    assert run(case, "--pooling", "max", "--verify", case.reference, output=tmp_path / "none.keras") == 1
    assert not (tmp_path / "none.keras").exists()


def test_disagreement_is_told_and_nothing_written(tmp_path, capsys):
    case, output = CASES["conv_group"], tmp_path / "model.keras"
    with np.load(case.reference) as arrays:
        changed = {name: arrays[name] * (1.0001 if name == "blob_conv" else 1) for name in arrays.files}
    np.savez(tmp_path / "reference.npz", **changed)
    assert run(case, "--verify", tmp_path / "reference.npz", output=output) == 1
    told = capsys.readouterr()
    assert "TOO LARGE" in told.out
    assert "does not agree with" in told.err
    assert list(tmp_path.glob("*.keras")) == []


def test_several_inputs_are_verified(tmp_path):
    case = CASES["two_inputs"]
    assert run(case, "--verify", case.reference, output=tmp_path / "model.keras") == 0
    assert {tensor.name for tensor in load_model(tmp_path / "model.keras").inputs} == {"x", "y"}


def test_outputs_of_onnx_that_are_called_like_an_input_are_told(tmp_path, capsys):
    prototxt = input_layer("data", (1, 3, 5, 6)) + (
        "layer { name: 'r' type: 'ReLU' bottom: 'data' top: 'data' }"
        "layer { name: 't' type: 'TanH' bottom: 'data' top: 't' }"
    )
    files = write_network(tmp_path, prototxt)
    arguments = ["--prototxt", *files[:1], "--input", *files[1:], "--output", tmp_path / "m.onnx", "--size", "6x8"]
    assert main([*map(str, arguments), "--outputs", "data", "t"]) == 0
    assert "the output data is called data_2 in the file: an input is called data\n" in capsys.readouterr().out


def test_verify_passes_over_what_is_cut_off(tmp_path, capsys):
    case = CASES["inplace_chain"]
    assert run(case, "--until", "c1", "--verify", case.reference, output=tmp_path / "model.keras") == 1
    assert "none of the blobs in the file is computed" in capsys.readouterr().err


def test_surplus_layers_are_named_in_a_warning(tmp_path, capsys):
    prototxt = input_layer("x", (1, 2)) + "layer { name: 'r' type: 'ReLU' bottom: 'x' top: 'r' }"
    files = write_network(tmp_path, prototxt, {"fc8": [np.ones(3)]})
    assert main(["--prototxt", str(files[0]), "--input", str(files[1]), "--output", str(tmp_path / "m.keras")]) == 0
    assert "warning: only in the caffemodel, not used: fc8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("side", "parameter", "told"),
    [(8, "", True), (11, "", False), (8, "crop_param { offset: 2 }", False), (8, "crop_param { }", False)],
)
def test_crops_that_do_not_tell_where_are_named_in_a_warning(side, parameter, told, tmp_path, capsys):
    """Caffes before 1.0 found out; a row or a column more or less is no sign of that."""
    prototxt = input_layer("x", (1, 2, 12, 12)) + input_layer("y", (1, 2, side, side))
    prototxt += f"layer {{ name: 'cut' type: 'Crop' bottom: 'x' bottom: 'y' top: 'cut' {parameter} }}"
    files = write_network(tmp_path, prototxt)
    assert main(["--prototxt", str(files[0]), "--input", str(files[1]), "--output", str(tmp_path / "m.keras")]) == 0
    assert (
        "without crop_param these layers cut at the upper left, as in Caffe 1.0: cut;" in capsys.readouterr().err
    ) == told


def test_summary_needs_no_other_file(capsys):
    assert main(["--prototxt", str(CASES["conv_group"].prototxt), "--summary"]) == 0
    assert "Convolution" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--output", "{}/m.h5"], 2, "must end in .keras"),
        ([], 2, "--output FILE.keras is required"),
        (["--output", "{}/m.keras", "--pooling", "maximum"], 2, "unknown --pooling 'maximum'; did you mean 'max'"),
        (["--output", "{}/m.keras", "--until", "cnov"], 2, "did you mean 'conv'"),
        (["--output", "{}/m.keras", "--outputs", "cnov"], 2, "did you mean 'conv'"),
        (["--output", "{}/m.keras", "--normalize", "{}/none"], 2, "no such folder"),
        (["--output", "{}/m.keras", "--normalize", "{}"], 2, "no pictures in this folder"),
        (["--output", "{}/m.keras", "--verify", "{}/none.npz"], 2, "none.npz"),
        (["--output", "{}/m.keras", "--verify", __file__], 1, "not an .npz file"),
        (["--output", "{}/none/m.keras"], 2, "none"),
        (["--output", "{}/m.keras", "--poolign", "max"], 2, "did you mean '--pooling'"),
    ],
)
def test_wrong_arguments_get_one_line(arguments, code, message, tmp_path, capsys):
    assert run(CASES["conv_group"], *(argument.format(tmp_path) for argument in arguments)) == code
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1


def test_a_reference_of_other_axes_gets_one_plain_line(tmp_path, capsys):
    reference = tmp_path / "reference.npz"
    np.savez(reference, input=np.zeros((1, 4, 3), np.float32), blob_conv=np.zeros((1, 6, 3, 3), np.float32))
    assert run(CASES["conv_group"], "--output", str(tmp_path / "m.keras"), "--verify", str(reference)) == 1
    told = capsys.readouterr().err
    assert "the network cannot process the input: " in told
    assert "[1m" not in told
    assert "Exception encountered" not in told


def test_input_is_needed(tmp_path, capsys):
    case = CASES["conv_group"]
    assert main(["--prototxt", str(case.prototxt), "--output", str(tmp_path / "m.keras")]) == 2
    assert "--input FILE.caffemodel is required" in capsys.readouterr().err


CHAIN = (
    "layer { name: 'conv1' type: 'Convolution' bottom: 'data' top: 'conv1' "
    "convolution_param { num_output: 5 kernel_size: 3 pad: 1 } }"
    "layer { name: 'relu1' type: 'ReLU' bottom: 'conv1' top: 'conv1' }"
    "layer { name: 'pool1' type: 'Pooling' bottom: 'conv1' top: 'pool1' pooling_param { kernel_size: 2 stride: 2 } }"
    "layer { name: 'conv2' type: 'Convolution' bottom: 'pool1' top: 'conv2' "
    "convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }"
    "layer { name: 'relu2' type: 'ReLU' bottom: 'conv2' top: 'conv2' }"
)


def test_normalize_makes_mean_activations_one(tmp_path):
    rng = np.random.default_rng(3)
    weights = {
        "conv1": [rng.standard_normal((5, 3, 3, 3)) * 0.2, rng.standard_normal(5)],
        "conv2": [rng.standard_normal((4, 5, 3, 3)) * 0.2, rng.standard_normal(4)],
    }
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(3):
        pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photos / f"{index}.png")
    files = write_network(tmp_path, input_layer("data", (1, 3, 32, 32)) + CHAIN, weights)
    output = tmp_path / "model.keras"
    arguments = ["--prototxt", files[0], "--input", files[1], "--output", output, "--normalize", photos]
    assert main([*map(str, arguments), "--pooling", "average"]) == 0
    pictures = [np.asarray(Image.open(path), np.float32) for path in sorted(photos.iterdir())]
    bgr = np.stack(pictures)[..., ::-1] - np.float32([103.939, 116.779, 123.68])
    np.testing.assert_allclose(np.asarray(load_model(output)(bgr)).mean((0, 1, 2)), 1, rtol=1e-3)
