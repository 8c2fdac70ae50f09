"""Input files of all tasks: checks and warnings."""

import importlib
import os
import re
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from errors import ArgumentError
from images import folders
from images.errors import ImageWarning
from pipelines.inputs import check_input_files, pictures_in, read_opaque
from pipelines.synthesis.inputs import read_sources

PICTURE = str(ROOT / "pics" / "bricks.jpg")
T7 = str(ROOT / "tests" / "data" / "torch7" / "tn_johnson_small.t7")
PROTOTXT = str(ROOT / "tests" / "data" / "caffe" / "format_old_proto_new_model.prototxt")


# Longer than disks allow names to be.
LONG = "x" * 300

# What each script is given, and what it says; {} is the folder it runs in. A path that does not exist, or is of another
# kind, is a wrong command line: exit code 2.
WRONG = {
    "synthesize": [
        ("-s gone.jpg", "--source gone.jpg: no such file"),
        ("-s s3://a/b.jpg", "--source s3://a/b.jpg: not a local path; only files of this machine are read"),
        ("-s PICTURE --output-dir s3://a", "--output-dir s3://a: not a local path; only files of this machine are"),
        ("-s PICTURE --output s3://a/b.png", "--output s3://a/b.png: not a local path; only files of this machine are"),
        ("--generator s3://a/b.keras --output a.png", "--generator s3://a/b.keras: not a local path; only files of"),
        ("--resume s3://a", "--resume s3://a: not a local path; only files of this machine are read"),
        ("-s empty", "--source empty: no pictures in this folder"),
        ("-s broken", "--source broken: no picture in this folder can be read"),
        ("-s PICTURE --init gone.png", "--init gone.png: no such file"),
        ("-s PICTURE --guide PICTURE gone.png", "--guide gone.png: no such file"),
        ("-s PICTURE --weights gone.keras", "--weights gone.keras: no such file"),
        ("-s PICTURE --output gone/a.png", "--output gone/a.png: there is no folder gone"),
        ("-s PICTURE --output a.png/", "--output a.png/: must be a file, and this is the name of a folder"),
        ("-s PICTURE --output-dir file/a", "--output-dir file/a: {}/file is not a folder"),
        ("--maps baseColor=gone.png --output maps", "--maps gone.png: no such file"),
        ("--maps baseColor=PICTURE --output file/a", "--output file/a: {}/file is not a folder"),
        ("-s gone.png --derive normal --output maps", "--source gone.png: no such file"),
        ("--generator gone --output a.png", "--generator: unknown model 'gone'"),
        ("--generator bark --output a.png/", "--output a.png/: must be a file, and this is the name of a folder"),
        ("--generator bark --output gone/a.png", "--output gone/a.png: there is no folder gone"),
        ("--resume gone", "--resume gone: no such folder"),
        ("-s=-- -ow 32", "--source is empty"),
        ("-s PICTURE --output=--", "--output is empty"),
        ("--maps=-- --output maps", "--maps is empty"),
        ("-s PICTURE --output-dir gone/LONG", "--output-dir gone/LONG: File name too long"),
        ("-s PICTURE --preset=", "--preset is empty"),
        (f"-s PICTURE --octaves {10**18}", "an output of 512 x 512 cannot be halved 999999999999999999 times for"),
        ("-s PICTURE --source-width 1000000000", "--source-width: cannot resize to 1000000000 x "),
        ("-s PICTURE --source-scale 1e18", "--source-scale: cannot resize to "),
        ("-s PICTURE --octaves 1 2", "unknown argument '2': too many values, or one without its option"),
        ("--resume file", "--resume file: not a folder"),
        ("--resume empty", "--resume empty: not the folder of a synthesis, which contains command.json"),
    ],
    "style_transfer": [
        ("gone.jpg PICTURE", "CONTENT gone.jpg: no such file"),
        ("PICTURE PICTURE -o LONG.png", "--output LONG.png: File name too long"),
        ("PICTURE PICTURE -o s3://a/b.png", "--output s3://a/b.png: not a local path; only files of this machine are"),
        ("PICTURE gone.jpg", "STYLE gone.jpg: no such file"),
        ("PICTURE empty", "STYLE empty: a folder, not a file"),
        ("PICTURE PICTURE --mask PICTURE gone.jpg", "--mask gone.jpg: no such file"),
        ("PICTURE PICTURE --proof gone.icc", "--proof gone.icc: no such file"),
        ("PICTURE PICTURE --init gone.png", "unknown --init 'gone.png'"),
        ("PICTURE PICTURE --weights gone.keras", "--weights gone.keras: no such file"),
        ("PICTURE PICTURE -o a.png/", "--output a.png/: must be a file, and this is the name of a folder"),
        ("PICTURE PICTURE -o gone/a.png", "--output gone/a.png: there is no folder gone"),
        ("PICTURE PICTURE --resume --weights file", "--resume: there is no saved state to resume from"),
    ],
    "train": [
        ("--style-image PICTURE --data gone", "--data gone: no such folder"),
        ("--style-image PICTURE --data s3://a", "--data s3://a: not a local path"),
        ("--style-image PICTURE --data PICTURES --checkpoints-path s3://a", "--checkpoints-path s3://a: not a local"),
        ("--style-image PICTURE --data PICTURES --log-dir s3://a", "--log-dir s3://a: not a local path; only files of"),
        ("--style-image PICTURE --data PICTURES --add-style s3://a/b.keras", "--add-style s3://a/b.keras: not a local"),
        ("--style-image PICTURE --data file", "--data file: not a folder"),
        ("--style-image PICTURE --data=", "--data is empty"),
        ("--style-image PICTURE --mode texture --noise-depth 100000000000", "--noise-depth 100000000000 is too large"),
        ("--style-image PICTURE --data PICTURES --batch-size 5000000", "--image-size 256 with --batch-size 5000000 is"),
        ("--style-image PICTURE --data empty", "--data empty: no pictures in this folder"),
        ("--style-image gone.png --data PICTURES", "--style-image gone.png: no such file"),
        ("--style-image s3://a/b.png --data PICTURES", "--style-image s3://a/b.png: not a local path"),
        ("--style-image PICTURE --data PICTURES --seed 4294967296", "--seed must be at least 0 and below 4294967296"),
        ("--style-image PICTURE --data PICTURES --weights gone.keras", "--weights gone.keras: no such file"),
        ("--style-image PICTURE --data PICTURES --checkpoints-path file", "--checkpoints-path file: {}/file is not a"),
        ("--style-image PICTURE --data PICTURES --log-dir file/a", "--log-dir file/a: {}/file is not a folder"),
        ("--style-image PICTURE --data PICTURES --style-size 1000000000", "--style-size: cannot resize to 10000"),
        ("--style-image PICTURE --data PICTURES --log-dir LONG", "--log-dir LONG: File name too long"),
        ("--style-image PICTURE --data PICTURES --add-style gone.keras", "--add-style gone.keras: no such file"),
        ("--style-image PICTURE --data PICTURES --initial-generator gone", "--initial-generator: unknown model 'gone'"),
    ],
    "stylize_tensorflow": [
        ("--input gone.jpg --output a.png", "--input gone.jpg: no such file or folder"),
        ("--input gone.mp4 --output a.mp4", "--input gone.mp4: no such file"),
        ("--input gone/%06d.png --output a.mp4", "--input gone/%06d.png: no such numbered frames"),
        ("--input %d%d.png --output a.mp4", "--input %d%d.png: the name must contain one number such as %06d"),
        ("--input film.gif --output a.mp4/", "--output a.mp4/: must be a file, and this is the name of a folder"),
        ("--input film.gif --output a/%d.png/", "--output a/%d.png/: must be a file, and this is the name of a"),
        ("--input film.gif --output gone/a.mp4", "--output gone/a.mp4: there is no folder gone"),
        ("--input film.gif --output file/%d.png", "--output file: {}/file is not a folder"),
        ("--input PICTURE --output gone/a.png", "--output gone/a.png: there is no folder gone"),
        ("--input PICTURES --output file/a", "--output file/a: {}/file is not a folder"),
        ("--input PICTURE --output a.png --model gone", "--model: unknown model 'gone'"),
        ("--input PICTURE --output a.png --model gone.keras", "--model gone.keras: no such file"),
        ("--input PICTURE --output a.png --model s3://a/b.keras", "--model s3://a/b.keras: not a local path; only"),
        ("--input PICTURE --output a.png --mask gone.png", "--mask gone.png: no such file"),
        ("--input PICTURE --output=", "--output is empty"),
        ("--input PICTURE --output LONG.png", "--output LONG.png: File name too long"),
        ("--input LONG --output a", "--input LONG: no such file or folder"),
        ("--input LONG --output a.mp4", "--input LONG: no such file or folder"),
        ("--input PICTURES --output LONG.png", "--output LONG.png: must be a folder"),
    ],
    "stylize_tensorflow_graph": [
        ("--input gone.jpg --output a.png --model a.onnx", "--input gone.jpg: no such file or folder"),
        ("--input PICTURE --output gone/a.png --model a.onnx", "--output gone/a.png: there is no folder gone"),
        ("--input PICTURE --output a.png --model gone.onnx", "--model gone.onnx: no such file or folder"),
        ("--input PICTURE --output a.png --model empty", "--model empty: not a SavedModel folder, .tflite file"),
        ("--input PICTURE --output a.png --model pipe.onnx", "--model pipe.onnx: not a SavedModel folder, .tflite"),
        ("--input s3://a/b.png --output a.png --model a.onnx", "--input s3://a/b.png: not a local path; only files of"),
        ("--input PICTURE --output s3://a --model a.onnx", "--output s3://a: not a local path; only files of this mac"),
        ("--input PICTURE --output a.png --model s3://a/b.onnx", "--model s3://a/b.onnx: not a local path; only files"),
        ("--input PICTURE --output= --model a.onnx", "--output is empty"),
        ("--input PICTURE --output=-- --model a.onnx", "--output is empty"),
        ("--input=-- --output a.png --model a.onnx", "--input is empty"),
        ("--input PICTURE --output a.png --model a.onnx --style=--", "--style is empty"),
        ("--input PICTURES --output LONG --model a.onnx", "--output LONG: File name too long"),
        ("--input PICTURES --output file/a --model a.onnx", "--output file/a: {}/file is not a folder"),
        ("--input LONG --output a.png --model a.onnx", "--input LONG: no such file or folder"),
        ("--input PICTURE --output a.png --model LONG", "--model LONG: no such file or folder"),
    ],
    "export_model": [
        ("--format onnx --input gone.keras --output a.onnx", "--input gone.keras: no such file"),
        ("--format onnx --input s3://a/b.keras --output a.onnx", "--input s3://a/b.keras: not a local path; only file"),
        ("--format onnx --input MODEL --output s3://a/b.onnx", "--output s3://a/b.onnx: not a local path; only files"),
        ("--format saved_model --input MODEL --output s3://a/b", "--output s3://a/b: not a local path; only files of"),
        ("--format onnx --input MODEL --output a.onnx --calibration s3://a", "--calibration s3://a: not a local path"),
        ("--format onnx --input MODEL --output a.onnx --samples s3://a.npz", "--samples s3://a.npz: not a local path"),
        ("--format onnx --input MODEL --output gone/a.onnx", "--output gone/a.onnx: there is no folder gone"),
        ("--format saved_model --input MODEL --output gone/a", "--output gone/a: there is no folder gone"),
        ("--format saved_model --input MODEL --output loop", "--output loop: exists and is not a SavedModel"),
        ("--format onnx --input MODEL --output a.onnx --calibration gone", "--calibration gone: no such folder"),
        ("--format onnx --input MODEL --output a.onnx --calibration a.npz", "--calibration a.npz: no such file"),
        ("--format onnx --input MODEL --output a.onnx --samples gone.npz", "--samples gone.npz: no such file"),
        ("--format onnx --input= --output a.onnx", "--input is empty"),
        ("--format onnx --input MODEL --output a.onnx --size=--", "--size is empty"),
        ("--format onnx --input MODEL --output LONG.onnx", "--output LONG.onnx: File name too long"),
        ("--format saved_model --input MODEL --output LONG", "--output LONG: File name too long"),
        ("--format onnx --input MODEL --output a.onnx --calibration LONG", "--calibration LONG: File name too long"),
        ("--format onnx --input MODEL --output a.onnx --size 99999999999x1", "argument --size: '99999999999x1' is not"),
        ("--format onnx --input MODEL --output a.onnx --input-shape ٣x٤", "argument --input-shape: '٣x٤' is not AxBxC"),
    ],
    "remove_lattice": [
        ("--input gone.keras --data PICTURES --output a.keras", "--input gone.keras: no such file"),
        ("--input wave --data gone --output a.keras", "--data gone: no such folder"),
        ("--input wave --data PICTURES --output gone/a.keras", "--output gone/a.keras: there is no folder gone"),
        ("--input wave --data PICTURES --output=", "--output is empty"),
        ("--input LONG --data PICTURES --output a.keras", "--input LONG: File name too long"),
    ],
    "import_torch_weights": [
        ("--input gone.t7 --output a.keras", "--input gone.t7: no such file"),
        ("--input gone.pth --summary", "--input gone.pth: no such file"),
        ("--input T7 --output a.keras --verify gone.npz", "--verify gone.npz: no such file"),
        ("--input T7 --output s3://a/b.keras", "--output s3://a/b.keras: not a local path; only files of this machine"),
        ("--input T7 --output a.keras --verify s3://a.npz", "--verify s3://a.npz: not a local path; only files of"),
        ("--input T7 --output gone/a.keras", "--output gone/a.keras: there is no folder gone"),
        ("--input T7 --output gone/a.onnx", "--output gone/a.onnx: there is no folder gone"),
        ("--input LONG --output a.keras", "--input LONG: File name too long"),
    ],
    "import_caffe_weights": [
        ("--prototxt gone.prototxt --input x --output a.keras", "--prototxt gone.prototxt: no such file"),
        ("--prototxt s3://a.prototxt --input x --output a.keras", "--prototxt s3://a.prototxt: not a local path; only"),
        ("--prototxt PROTOTXT --input s3://a.x --output a.keras", "--input s3://a.x: not a local path; only files of"),
        ("--prototxt PROTOTXT --input file --output s3://a.keras", "--output s3://a.keras: not a local path; only fil"),
        ("--prototxt PROTOTXT --input gone.caffemodel --output a.keras", "--input gone.caffemodel: no such file"),
        ("--prototxt PROTOTXT --input file --output gone/a.keras", "--output gone/a.keras: there is no folder gone"),
        ("--prototxt PROTOTXT --input file --output a.keras --verify a.npz", "--verify a.npz: no such file"),
        ("--prototxt PROTOTXT --input file --output a.keras --normalize gone", "--normalize gone: no such folder"),
    ],
}  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in, with what is of the wrong kind."""
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "broken"):
        (tmp_path / folder).mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"no picture")
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe.onnx")
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    return tmp_path


@pytest.mark.parametrize(
    ("script", "command", "message"), [(script, *case) for script, cases in WRONG.items() for case in cases]
)
def test_a_path_that_is_not_there_is_a_wrong_command_line(script, command, message, place, capsys):
    names = {"PICTURE": PICTURE, "PICTURES": str(ROOT / "pics"), "T7": T7, "PROTOTXT": PROTOTXT}
    names["LONG"] = LONG
    names["MODEL"] = str(ROOT / "model" / "pretrained" / "wave.keras")
    arguments = [re.sub(r"\b[A-Z][A-Z0-9]+(?=$|\.)", lambda found: names[found[0]], word) for word in command.split()]
    before = sorted(place.rglob("*"))
    assert importlib.import_module(script).main(arguments) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(told) == 1
    assert f": error: {message}".format(place).replace("LONG", LONG) in told[0]
    assert sorted(place.rglob("*")) == before


def test_pipes_and_folders_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.t7")
    for name, reason in (("pipe.t7", "a named pipe, not a file"), (".", "a folder, not a file"), ("x", "no such file")):
        with pytest.raises(ArgumentError, match=f"`input` .*: {reason}"):
            check_input_files(input=tmp_path / name, verify=None)


# A file that looks like any other, whose reading fails as on a damaged disk.
BROKEN = "/proc/self/mem"


@pytest.mark.parametrize(
    ("script", "command"),
    [
        ("import_torch_weights", "--input broken.t7 --summary"),
        ("import_torch_weights", "--input broken.pth --output a.keras"),
        ("import_torch_weights", "--input T7 --output a.keras --verify broken.npz"),
        ("import_caffe_weights", "--prototxt broken.prototxt --input file --output a.keras"),
        ("import_caffe_weights", "--prototxt PROTOTXT --input broken.caffemodel --output a.keras"),
        ("stylize_tensorflow", "--input PICTURE --model broken.keras --output a.png"),
        ("stylize_tensorflow", "--input broken.png --output a.png"),
        ("stylize_tensorflow_graph", "--input PICTURE --model broken.onnx --output a.png"),
        ("export_model", "--input broken.keras --output a.onnx --format onnx"),
        ("synthesize", "--source PICTURE -ow 32 -o 1 -m 1 --margin 0 --weights broken.h5"),
        ("style_transfer", "broken.png PICTURE -o a.png"),
        ("style_transfer", "PICTURE PICTURE -o a.png -s 32 -ms 32 --descriptor random --proof broken.icc"),
    ],
)
def test_errors_of_the_disk_name_the_file(script, command, place, capsys):
    names = {"PICTURE": PICTURE, "T7": T7, "PROTOTXT": PROTOTXT}
    broken = next(word for word in command.split() if word.startswith("broken."))
    (place / broken).symlink_to(BROKEN)
    assert importlib.import_module(script).main([names.get(word, word) for word in command.split()]) == 1
    told = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(told) == 1
    assert re.search(rf"{broken}: (\D+: )?Input/output error$", told[0])


def test_a_disk_is_no_folder_of_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MAX_OTHERS", 20)
    for number in range(15):
        for name in ("a.txt", "b.txt"):
            (tmp_path / f"{number:02}").mkdir(exist_ok=True)
            (tmp_path / f"{number:02}" / name).touch()
    (tmp_path / "00" / "a.png").touch()
    with pytest.raises(ArgumentError, match=r"`data` .*: not a folder of pictures: 1 of its first 22 files"):
        pictures_in(tmp_path, "data", recursive=True)
    for number in range(4):  # as many as a few files beside each photo make
        (tmp_path / "00" / f"{number}.png").touch()
    assert len(pictures_in(tmp_path, "data", recursive=True)) == 5


def hostile_folder(folder):
    """Make a folder of two sound pictures among entries that cannot be read, and return the names of these."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8), "red").save(folder / name)
    (folder / "0.png").write_bytes(b"no picture")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "device.png").symlink_to("/dev/zero")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    return {"0.png", "loop.png", "gone.png", "device.png", "pipe.png"}


def test_entries_of_a_folder_are_at_worst_one_warning_each(tmp_path):
    from pipelines.export.samples import _Pictures
    from pipelines.importing.caffe import _preprocessed

    bad = hostile_folder(tmp_path)

    def calibrated():
        samples = _Pictures(SimpleNamespace(inputs=[SimpleNamespace(sample_shape=(1, 4, 4, 3))]), tmp_path)
        return [samples.name, len(list(samples.calibration()))]

    readers = {
        "--source": lambda: [path.name for path, _ in read_sources([tmp_path])] == ["a.png", "b.png"],
        "--calibration": lambda: calibrated() == ["a.png", 1],
        "--normalize": lambda: len(list(_preprocessed(pictures_in(tmp_path, "normalize", recursive=True)))) == 2,
    }
    for read in readers.values():
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            assert read()
        assert all(isinstance(warning.message, ImageWarning) for warning in told)
        assert {Path(str(warning.message).partition(":")[0]).name for warning in told} == bad
        assert len(told) == len(bad)


def test_the_pictures_of_a_source_are_read_once(tmp_path, monkeypatch):
    from images import reading

    hostile_folder(tmp_path)
    read = []
    one = reading.read_image
    monkeypatch.setattr(reading, "read_image", lambda path: read.append(path.name) or one(path))
    with pytest.warns(ImageWarning):
        read_sources([tmp_path])
    assert read == ["0.png", "a.png", "b.png"]


def test_lost_transparency_is_told(tmp_path):
    path = tmp_path / "clear.png"
    Image.new("RGBA", (8, 8), (255, 0, 0, 128)).save(path)
    with pytest.warns(ImageWarning, match="clear.png: its transparency is ignored"):
        np.testing.assert_array_equal(read_opaque(path)[0, 0], [1, 0, 0])


def test_scripts_tell_warnings_of_pictures_in_one_line(capsys):
    from pipelines.command_line import run_script

    def run():
        warnings.warn("a.png: its profile\nis broken", ImageWarning, stacklevel=1)
        return 0

    assert run_script("script.py", run) == 0
    assert capsys.readouterr().err == "warning: a.png: its profile is broken\n"


def test_a_training_that_is_refused_leaves_no_folder(place, capsys):
    arguments = ["--style-image", PICTURE, "--data", str(ROOT / "pics"), "--checkpoints-path", "new"]
    assert importlib.import_module("train").main([*arguments, "--add-style", "wave"]) == 1
    assert "--add-style wave: it has one style" in capsys.readouterr().err
    assert not (place / "new").exists()
