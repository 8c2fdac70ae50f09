"""No script writes over what it reads."""

import importlib
import shutil

import numpy as np
import pytest
from PIL import Image
from support.torch7_cases import SHIPPED_CASES

from errors import ArgumentError
from pipelines.inputs import pictures_in
from pipelines.outputs import check_not_read

JOHNSON = next(case.path for case in SHIPPED_CASES if case.name == "tn_johnson_small")
KEPT = [
    ("style_transfer", "a.png b.png -o a.png", "--output a.png: a.png is an input and would be overwritten"),
    ("style_transfer", "a.png b.png --mask c.png m.png -o m.png", "--output m.png: m.png is an input"),
    ("style_transfer", "a.png b.png --init c.png -o link.png", "--output link.png: c.png is an input"),
    ("style_transfer", "a.png b.png --init y.partial.png -o y.png", "y.partial.png: y.partial.png is an input"),
    ("synthesize", "-s a.png --output a.png", "--output a.png: a.png is an input and would be overwritten"),
    ("synthesize", "-s folder --output folder/a.png", "--output folder/a.png: folder/a.png is an input"),
    ("synthesize", "-s a.png --init b.png --output b.png", "--output b.png: b.png is an input"),
    ("synthesize", "--maps baseColor=a.png --output .", "holds a.png, one of the input maps"),
    ("stylize_tensorflow", "--input a.png --mask m.png --output m.png --overwrite", "m.png is an input"),
    ("stylize_tensorflow", "--input folder --mask out/a.png --output out --overwrite", "out/a.png is an input"),
    ("stylize_tensorflow", "--input f/%03d.png --output f/%d.png --overwrite", "f/100.png is an input"),
    ("export_model", "--input sm/m.keras --output sm --format saved_model", "--output sm: sm/m.keras is an input"),
    ("import_torch_weights", "--input sm/n.t7 --output sm", "--output sm: sm/n.t7 is an input"),
    (
        "train", "--style-image a.png --data folder --add-style sm/generator.keras --checkpoints-path sm",
        "--checkpoints-path sm/generator.keras: sm/generator.keras is an input",
    ),
    (
        "train", "--style-image run/previews/iteration-00000002.png --data folder --checkpoints-path run",
        "run/previews/iteration-00000002.png: run/previews/iteration-00000002.png is an input",
    ),
]  # fmt: skip


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture = Image.fromarray(np.full((40, 40, 3), 90, np.uint8))
    for folder in ("folder", "f", "sm", "out", "run/previews"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("a.png", "b.png", "c.png", "m.png", "y.partial.png", "folder/a.png", "out/a.png", "f/100.png"):
        picture.save(name)
    for name in ("f/101.png", "run/previews/iteration-00000002.png"):
        picture.save(name)
    (tmp_path / "link.png").symlink_to("c.png")
    for name in ("saved_model.pb", "m.keras", "generator.keras"):
        (tmp_path / "sm" / name).write_bytes(b"mine")
    shutil.copy(JOHNSON, tmp_path / "sm" / "n.t7")
    return tmp_path


@pytest.mark.parametrize(("script", "arguments", "message"), KEPT)
def test_an_output_that_is_an_input_is_refused(files, capsys, script, arguments, message):
    before = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    assert importlib.import_module(script).main(arguments.split()) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert {path: path.read_bytes() for path in files.rglob("*") if path.is_file()} == before


def test_inputs_beside_the_output_are_none_of_its_business(files):
    check_not_read("new.png", ["a.png", None, "folder/a.png"])
    check_not_read("sm/new.keras", ["sm/m.keras"])
    with pytest.raises(ArgumentError, match=r"`output` folder: folder/a\.png is an input"):
        check_not_read("folder", ["a.png", "folder/a.png"])


def test_previews_of_a_training_are_no_photos(files):
    """A run that goes on has the photos that it began with, also where its checkpoints are among them."""
    (files / "folder" / "run" / "previews").mkdir(parents=True)
    shutil.copy("a.png", files / "folder" / "run" / "previews" / "iteration-00000001.png")
    found = pictures_in("folder", "data", recursive=True, skip=files / "folder" / "run" / "previews")
    assert [path.name for path in found] == ["a.png"]
