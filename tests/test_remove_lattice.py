"""The script on files of generators."""

import keras
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from model.generators.hourglass import hourglass
from model.generators.pyramid import pyramid
from model.saving import load_model, save_model
from pipelines import lattice
from remove_lattice import main

SMALL = {"widths": (4, 4, 4), "inner_blocks": 1, "outer_blocks": 1}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generators")
    keras.utils.set_random_seed(0)
    save_model(hourglass(**SMALL), folder / "one.keras")
    save_model(hourglass(styles=("a", "b"), **SMALL), folder / "two.keras")
    save_model(pyramid(mode="texture", filters=2, scales=2), folder / "texture.keras")
    (folder / "photos").mkdir()
    for number in range(3):
        picture = Image.open(ROOT / "pics" / "coffee.jpg").resize((96, 64 + number))
        picture.save(folder / "photos" / f"{number}.png")
    (folder / "photos" / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.mark.parametrize("name", ["one", "two", "texture"])
def test_only_the_last_convolution_differs(files, tmp_path, name, capsys, monkeypatch):
    monkeypatch.setattr(lattice, "PICTURES", 4)
    source, target = files / f"{name}.keras", tmp_path / "out.keras"
    data = [] if name == "texture" else ["--data", str(files / "photos")]
    assert main(["--input", str(source), "--output", str(target), *data]) == 0
    told = capsys.readouterr()
    count = {"one": 3, "two": 2 * 3, "texture": 4}[name]
    assert f"of the original one, on {count} pictures" in told.out
    assert ("broken.jpg" in told.err) == (name != "texture")
    before, after = load_model(source), load_model(target)
    for one, other in zip(before.layers, after.layers, strict=True):
        same = all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
        assert same == (one.name != "last_conv")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--input {0}/one.keras --output {1}/a.keras", "--data is needed: a folder of photos"),
        ("--input {0}/texture.keras --output {1}/a.keras --data {0}/photos", "--data: not for a generator of textures"),
        ("--input {0}/one.keras --output {1}/a.onnx --data {0}/photos", "a.onnx: must end in .keras"),
        ("--input {0}/one.keras --output {0}/one.keras --data {0}/photos", "--output"),
        ("--input wav --output {1}/a.keras --data {0}/photos", "--input: unknown model 'wav'"),
        ("--input {0}/one.keras --output {1}/a.keras --data {0}/none", "no such folder"),
        ("--input {0}/one.keras --output {1}/a.keras --data {0}/photos --strength nan", "--strength must be above 0"),
        ("--input {0}/one.keras --output {1}/a.keras --data {0}/photos --dtype half", "--dtype 'half'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_and_nothing_is_written(files, tmp_path, arguments, message, capsys):
    assert main(arguments.format(files, tmp_path).split()) == 2
    told = capsys.readouterr().err.strip()
    assert message in told
    assert "\n" not in told
    assert not list(tmp_path.iterdir())


def test_what_is_no_generator_is_refused(files, tmp_path, capsys):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    save_model(model, tmp_path / "dense.keras")
    arguments = ["--input", tmp_path / "dense.keras", "--output", tmp_path / "a.keras", "--data", files / "photos"]
    assert main([str(word) for word in arguments]) == 2
    assert "not a generator" in capsys.readouterr().err
