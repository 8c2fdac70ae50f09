"""export_model.py from the command line, in process."""

import re

import pytest
from conftest import ROOT
from support.small_models import convolutional_model

import export_model
from model.saving import save_model

NAMES = {"saved_model": "export", "litert": "export.tflite", "onnx": "export.onnx"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    save_model(convolutional_model(), path)
    return path


@pytest.fixture
def export(model, tmp_path):
    """Run the program with the model as its input and further arguments; return its exit code."""
    return lambda *arguments: export_model.main(["--input", str(model), *(str(argument) for argument in arguments)])


@pytest.mark.parametrize("format", NAMES)
def test_each_format(export, tmp_path, capsys, format):
    target = tmp_path / NAMES[format]
    assert export("--output", target, "--format", format, "--size", "48x32") == 0
    files = [target] if target.is_file() else [path for path in target.rglob("*") if path.is_file()]
    megabytes = f"{sum(path.stat().st_size for path in files) / 1e6:.2f}"
    output = capsys.readouterr().out
    assert "compared with the Keras model on astronaut.jpg" in output
    differences = r"\d\.\de[-+]0\d .* \d\.\de[-+]0\d .* (\d+\.\d|inf)"
    row = rf"1 x 48x32 .* {re.escape(megabytes)} .* {differences} .* \d+\.\d .* \d+\.\d "
    assert re.search(row, output)
    assert bool(re.search(r"2 x 51x37 ", output)) == (format != "litert")
    assert output.endswith(f"wrote {target}\n")


def test_an_included_model_by_name(tmp_path):
    target = tmp_path / "plaster.onnx"
    options = ["--format", "onnx", "--size", "64x64"]
    assert export_model.main(["--input", "plaster", "--output", str(target), *options]) == 0
    assert target.stat().st_size > 100_000


@pytest.mark.parametrize(
    ("format", "suffix", "effect"),
    [("litert", "tflite", "quantises only weights"), ("onnx", "onnx", "changes nothing")],
)
def test_int8(export, format, suffix, effect, tmp_path, capsys):
    options = ["--format", format, "--quantize", "int8", "--calibration", ROOT / "pics", "--size", "64X64"]
    assert export("--output", tmp_path / f"export.{suffix}", *options) == 0
    output = capsys.readouterr().out
    assert f"nothing to calibrate: the model has no wide convolutions, so int8 {effect}\n" in output
    assert "compared with the Keras model on astronaut.jpg" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "onxx"], "unknown --format 'onxx'; did you mean 'onnx'?"),
        (["--format", "litert", "--quantize", "int4"], "unknown --quantize 'int4'; did you mean 'int8'?"),
        (
            ["--format", "onnx", "--quantize", "float16"],
            "--quantize float16 is only for --format litert, not for onnx",
        ),
        (["--format", "litert", "--quantize", "int8"], "--quantize int8 needs --calibration FOLDER"),
        (["--format", "litert", "--calibration", "nowhere"], "--calibration nowhere: no such folder"),
        (["--format", "litert", "--calibration", "EMPTY"], "no pictures in this folder ("),
        (["--format", "litert", "--size", "512"], "argument --size: '512' is not HEIGHTxWIDTH, such as 512x512"),
        (["--format", "litert", "--size", "0x8"], "--size 0x8: height and width must be at least 1"),
        (["--format", "onnx"], "export.tflite: a file of this format must end in .onnx"),
        (["--format", "litert", "--qantize", "int8"], "unknown argument '--qantize'; did you mean '--quantize'?"),
        ([], "the following arguments are required: --format"),
    ],
)
def test_wrong_arguments(export, tmp_path, capsys, arguments, message):
    (tmp_path / "empty").mkdir()
    arguments = [str(tmp_path / "empty") if argument == "EMPTY" else argument for argument in arguments]
    assert export("--output", tmp_path / "export.tflite", *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("export_model.py: error: ")
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_folder_that_is_missing(export, capsys):
    assert export("--output", "nowhere/export.onnx", "--format", "onnx") == 2
    assert "--output nowhere/export.onnx: there is no folder nowhere" in capsys.readouterr().err


def test_files_that_are_no_models(tmp_path, capsys):
    (tmp_path / "model.keras").write_text("not a model")
    target = ["--output", str(tmp_path / "out"), "--format", "saved_model"]
    assert export_model.main(["--input", str(tmp_path / "nothing.keras"), *target]) == 2
    assert "nothing.keras: no such file" in capsys.readouterr().err
    assert export_model.main(["--input", str(tmp_path / "model.keras"), *target]) == 1
    error = capsys.readouterr().err
    assert re.fullmatch(r"export_model\.py: error: \S+model\.keras: not a \.keras file.*\n", error)


def test_other_backends_are_refused(export, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "torch")
    assert export("--output", tmp_path / "out", "--format", "saved_model") == 1
    assert "exports need the tensorflow backend of Keras, but KERAS_BACKEND is torch" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
