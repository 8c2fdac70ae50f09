"""Models by name and by path."""

import zipfile

import pytest

from errors import ArgumentError
from pipelines import model_library
from pipelines.model_library import find_model, pretrained_models


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    folder = tmp_path / "pretrained"
    folder.mkdir()
    for name in ("wave.keras", "starry_night.keras", "README.md"):
        (folder / name).touch()
    monkeypatch.setattr(model_library, "PRETRAINED", folder)
    monkeypatch.chdir(tmp_path)
    return folder


def test_names(shipped):
    assert list(pretrained_models()) == ["starry_night", "wave"]
    assert find_model("wave") == shipped / "wave.keras"
    with pytest.raises(ArgumentError, match="unknown model 'starry_nigth'; did you mean 'starry_night'"):
        find_model("starry_nigth")


def test_where_textures_are_wanted_they_alone_are_named():
    with pytest.raises(ArgumentError, match=r"unknown model 'sand' \(known: bark, gold_leaf, .*\)") as error:
        find_model("sand", textures=True)
    assert "starry_night" not in str(error.value)


def test_paths(shipped, tmp_path):
    (tmp_path / "mine.keras").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "folder").mkdir()
    assert str(find_model("mine.keras")) == "mine.keras"
    for name, message in (
        ("other.keras", "no such file"),
        ("models/wave", "no such file"),
        ("notes.txt", "not a .keras file"),
        ("folder", "a folder, not a .keras file"),
    ):
        with pytest.raises(ArgumentError, match=f"`model` {name}: {message}"):
            find_model(name)


def test_a_keras_file_with_another_suffix_tells_which_it_needs(tmp_path):
    path = tmp_path / "wave.h5"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", "{}")
    with pytest.raises(ArgumentError, match=r"wave\.h5: a Keras model file, whose name must end in \.keras"):
        find_model(str(path))
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(ArgumentError, match=r"wave\.h5: not a \.keras file, but an HDF5 file"):
        find_model(str(path))


def test_a_torch7_file_names_the_program_that_converts_it(shipped, tmp_path):
    (tmp_path / "old.t7").touch()
    with pytest.raises(ArgumentError, match=r"import_torch_weights\.py --input old\.t7 --output old\.keras"):
        find_model("old.t7")
