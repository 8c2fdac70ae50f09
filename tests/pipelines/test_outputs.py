"""What stands where a run will write is found before the run begins, in one line that names it."""

import importlib
import os

import numpy as np
import pytest
from conftest import ROOT
from support.training_cases import smooth_picture, write_descriptor_weights

from images.writing import write_image
from pipelines.outputs import made_folder

KINDS = {"a folder": os.mkdir, "a named pipe": os.mkfifo, "read-only": lambda path: path.touch(0o444)}
TRANSFER = "style_transfer PICTURE STYLE --weights WEIGHTS --style-layers relu1_1 --content-layers relu2_1 -o out/a.png"
TRAINING = (
    "train --data PHOTOS --style-image STYLE --weights WEIGHTS --style-layers relu1_1 --content-layers relu2_1 "
    "--image-size 32 --num-iterations 1 --checkpoints-path out"
)
PLACES = [
    (f"{TRANSFER} --restart", "a.png"),
    (f"{TRANSFER} --restart", "a.partial.png"),
    (f"{TRANSFER} --restart", "a.png.state.npz"),
    (f"{TRANSFER} --restart", "trace.json"),
    (f"{TRANSFER} --restart", ".a.png.lock"),
    (f"{TRAINING} --restart", "generator.keras"),
    (f"{TRAINING} --restart", "history.csv"),
    (f"{TRAINING} --restart", "checkpoint-00000001.weights.h5"),
    (f"{TRAINING} --restart", "previews/iteration-00000001.png"),
    (f"{TRAINING} --restart", ".lock"),
    ("synthesize -s STYLE --weights WEIGHTS -l relu1_1 -ow 32 -m 1 --output-dir runs --output out/a.png", "a.png"),
    ("synthesize -s STYLE --derive height -m 1 -ow 32 --output out", "height.png"),
    ("synthesize -s STYLE --derive height -m 1 -ow 32 --output out", "report.json"),
    ("synthesize --generator bark -ow 32 --output out/a.png", "a.png"),
    ("stylize_tensorflow_graph --input PICTURE --output out --model WEIGHTS", "content.png"),
    ("stylize_tensorflow --input FRAMES --output out/a.mp4", "a.mp4.parts/command.json"),
    ("stylize_tensorflow --input FRAMES --output out/a.mp4", "a.mp4.parts/part-00000000.mp4"),
    ("stylize_tensorflow --input FRAMES --output out/a.mp4 --overwrite", "a.mp4.parts/.lock"),
    ("stylize_tensorflow --input FRAMES --output out/%d.png --overwrite", "1.png"),
    ("export_model --input MODEL --output out/a.onnx --format onnx", "a.onnx"),
]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    random = np.random.default_rng(0)
    (folder / "photos").mkdir()
    (folder / "frames").mkdir()
    for name in ("content.png", "style.png", "photos/a.png", "frames/1.png", "frames/2.png"):
        write_image(folder / name, smooth_picture(random, 48, 40))
    write_descriptor_weights(folder / "vgg.keras", random)
    return folder


def run(command, inputs):
    names = {
        "PICTURE": inputs / "content.png", "STYLE": inputs / "style.png", "PHOTOS": inputs / "photos",
        "WEIGHTS": inputs / "vgg.keras", "FRAMES": inputs / "frames" / "%d.png",
        "MODEL": ROOT / "model" / "pretrained" / "wave.keras",
    }  # fmt: skip
    script, *arguments = command.split()
    return importlib.import_module(script).main([str(names.get(word, word)) for word in arguments])


def error(capsys):
    lines = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("command", "name"), PLACES)
def test_what_stands_where_a_file_will_be_written_is_refused(
    command, name, kind, inputs, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "out" / name
    place.parent.mkdir(parents=True)
    KINDS[kind](place)
    before = sorted(tmp_path.rglob("*"))
    assert run(command, inputs) in (1, 2)
    assert f"out/{name} is {kind}" in error(capsys)
    assert sorted(tmp_path.rglob("*")) == before
    assert os.access(place, os.F_OK)


def test_previews_that_are_a_file_are_refused(inputs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "previews").touch()
    assert run(TRAINING, inputs) == 2
    assert f"--checkpoints-path out/previews: {tmp_path}/out/previews is not a folder" in error(capsys)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["progress.jsonl", "loss.png", "final_F0000.png", "I0002_F0000.png", ".lock"])
def test_what_stands_where_a_resumed_synthesis_will_write_is_refused(name, kind, inputs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = "synthesize -s STYLE --weights WEIGHTS -l relu1_1 -ow 32 -o 1 -m 1 --statistics gram --output-dir runs"
    assert run(command, inputs) == 0
    capsys.readouterr()
    (folder,) = (tmp_path / "runs").iterdir()
    (folder / name).unlink(missing_ok=True)
    KINDS[kind](folder / name)
    assert run(f"synthesize --resume {folder}", inputs) == 1
    assert f"{name} is {kind}, where this run writes a file" in error(capsys)


def test_an_output_of_a_folder_that_is_no_file_is_reported_and_the_others_are_written(inputs, tmp_path, capsys):
    os.mkfifo(tmp_path / "style.png")
    command = f"stylize_tensorflow --input PICTURE STYLE --output {tmp_path} --image-size 16"
    assert run(command, inputs) == 1
    assert f"{tmp_path}/style.png is a named pipe" in capsys.readouterr().err
    assert (tmp_path / "content.png").is_file()


@pytest.mark.parametrize("name", ["new", "new/below", "old"])
def test_a_new_folder_that_stays_empty_goes_again(name, tmp_path):
    (tmp_path / "old").mkdir()
    with made_folder(tmp_path / name):
        assert (tmp_path / name).is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    with made_folder(tmp_path / name):
        (tmp_path / name / "a.png").touch()
    assert (tmp_path / name / "a.png").exists()
