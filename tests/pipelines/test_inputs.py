"""What every journey does with the files that it is given."""

import importlib
import os
import warnings

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from errors import UserError
from images.errors import ImageWarning
from pipelines.inputs import check_input_files, read_opaque, readable
from pipelines.synthesis.inputs import source_files

PICTURE = str(ROOT / "pics" / "bricks.jpg")
T7 = str(ROOT / "tests" / "data" / "torch7" / "tn_johnson_small.t7")
PROTOTXT = str(ROOT / "tests" / "data" / "caffe" / "format_old_proto_new_model.prototxt")


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("import_torch_weights", ["--input", "gone.t7", "--output", "a.keras"], "--input gone.t7: no such file"),
        ("import_torch_weights", ["--input", "gone.pth", "--summary"], "--input gone.pth: no such file"),
        (
            "import_torch_weights",
            ["--input", T7, "--output", "a.keras", "--verify", "gone.npz"],
            "--verify gone.npz: no",
        ),
        (
            "import_caffe_weights",
            ["--prototxt", "gone.prototxt", "--input", "x", "--output", "a.keras"],
            "--prototxt gone.prototxt: no such file",
        ),
        (
            "import_caffe_weights",
            ["--prototxt", PROTOTXT, "--input", "gone.caffemodel", "--output", "a.keras"],
            "--input gone.caffemodel: no such file",
        ),
        (
            "export_model",
            ["--input", "gone.keras", "--output", "a.onnx", "--format", "onnx"],
            "--input gone.keras: no such file",
        ),
        ("synthesize", ["-s", PICTURE, "--init", "gone.png"], "--init gone.png: no such file"),
        ("synthesize", ["-s", PICTURE, "--guide", PICTURE, "gone.png"], "--guide gone.png: no such file"),
        ("synthesize", ["--maps", "baseColor=gone.png", "--output", "maps"], "--maps gone.png: no such file"),
        ("synthesize", ["--generator", "gone", "--output", "a.png"], "--generator: unknown model 'gone'"),
        ("stylize_tensorflow", ["--input", PICTURE, "--output", "a.png", "--model", "gone"], "--model: unknown model"),
        ("style_transfer", [PICTURE, "gone.jpg"], "STYLE gone.jpg: no such file"),
        ("style_transfer", [PICTURE, PICTURE, "--mask", PICTURE, "gone.jpg"], "--mask gone.jpg: no such file"),
        ("style_transfer", [PICTURE, PICTURE, "--proof", "gone.icc"], "--proof gone.icc: no such file"),
    ],
)
def test_errors_name_the_option(script, arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert importlib.import_module(script).main(arguments) in (1, 2)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert message in told[0]


def test_pipes_and_folders_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.t7")
    for name, reason in (("pipe.t7", "a named pipe, not a file"), (".", "a folder, not a file"), ("x", "no such file")):
        with pytest.raises(UserError, match=f"`input` .*: {reason}"):
            check_input_files(input=tmp_path / name, verify=None)


def test_entries_of_a_folder_are_one_warning_each(tmp_path):
    """A synthesis takes the sound pictures of its folder, where one broken one ended it."""
    Image.new("RGB", (8, 8)).save(tmp_path / "sound.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.warns(ImageWarning, match="broken.png: .*; left out"):
        assert source_files([tmp_path]) == [tmp_path / "sound.png"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert readable([tmp_path / "sound.png"]) == [tmp_path / "sound.png"]


def test_calibration_leaves_out_broken_pictures(tmp_path):
    from pipelines.export.samples import _picture_files

    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    (tmp_path / "0.png").write_bytes(b"no picture")
    with pytest.warns(ImageWarning, match="0.png: .*; left out"):
        assert _picture_files(tmp_path) == [tmp_path / "a.png", tmp_path / "b.png"]


def test_lost_transparency_is_told(tmp_path):
    path = tmp_path / "clear.png"
    Image.new("RGBA", (8, 8), (255, 0, 0, 128)).save(path)
    with pytest.warns(ImageWarning, match="clear.png: its transparency is left out"):
        np.testing.assert_array_equal(read_opaque(path)[0, 0], [1, 0, 0])


def test_scripts_tell_warnings_of_pictures_in_one_line(capsys):
    from pipelines.command_line import run_script

    def run():
        warnings.warn("a.png: its profile\nis broken", ImageWarning, stacklevel=1)
        return 0

    assert run_script("script.py", run) == 0
    assert capsys.readouterr().err == "warning: a.png: its profile is broken\n"
