"""What the room promises to those who use it: it imports Keras alone."""

import ast
import sys

import keras
import pytest
from conftest import ROOT

import layers

MODULES = sorted((ROOT / "layers").glob("*.py"))


def imported_packages(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_modules_import_keras_alone(path):
    allowed = {"keras", "layers", *sys.stdlib_module_names}
    if path.stem in ("tensorflow_kernels", "compat"):
        allowed.add("tensorflow")
    assert set(imported_packages(path)) <= allowed


@pytest.mark.backends
def test_tensorflow_kernels_stay_out_under_other_backends():
    assert ("layers.tensorflow_kernels" in sys.modules) == (keras.backend.backend() == "tensorflow")
    assert (layers.native.kernels is None) == (keras.backend.backend() != "tensorflow")
