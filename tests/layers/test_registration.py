"""Saved models: what Keras says before the layers are imported, and files that older versions wrote."""

import subprocess
import sys
import zipfile

import keras
import numpy as np
from conftest import ROOT

import layers
from layers.registration import OLD_PACKAGE, PACKAGE


def padding_model():
    return keras.Sequential([keras.Input((None, None, 3)), layers.ReplicationPadding2D(1)])


def test_keras_tells_what_to_import():
    code = "import keras, sys; keras.saving.load_model(sys.argv[1])"
    path = ROOT / "model" / "pretrained" / "wave.keras"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "texture_nets (import layers)>SymmetricPadding2D" in done.stderr


def test_files_of_older_versions_load(tmp_path):
    padding_model().save(tmp_path / "new.keras")
    with zipfile.ZipFile(tmp_path / "new.keras") as new, zipfile.ZipFile(tmp_path / "old.keras", "w") as old:
        for name in new.namelist():
            content = new.read(name)
            if name == "config.json":
                assert f'"{PACKAGE}>'.encode() in content
                content = content.replace(f'"{PACKAGE}>'.encode(), f'"{OLD_PACKAGE}>'.encode())
            old.writestr(name, content)
    picture = np.random.default_rng(0).random((1, 4, 5, 3), np.float32)
    loaded = keras.saving.load_model(tmp_path / "old.keras")
    np.testing.assert_array_equal(loaded(picture), padding_model()(picture))


def test_every_layer_is_known_by_both_names():
    for name in layers.__all__:
        if isinstance(kind := getattr(layers, name), type):
            assert {keras.saving.get_registered_object(f"{package}>{name}") for package in (PACKAGE, OLD_PACKAGE)} == {
                kind
            }
