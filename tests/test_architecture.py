"""The structure of the program: imports run downwards without circles, copyable folders import nothing else, sizes."""

from __future__ import annotations

import statistics
from collections import Counter

import pytest
from conftest import ROOT
from support import architecture

MAX_MODULE_LINES = 350
MAX_FOLDER_MODULES = 16
MAX_FUNCTION_LINES = 50
MAX_MEDIAN_LINES = 8
FREE_OF_FOLDER_LIMIT = ("layers", "benchmarks")  # one class a file; one measurement a file


def program() -> dict[str, str]:
    """Return the program's sources by dotted name, tests left out."""
    folders = [folder for folder in ROOT.iterdir() if folder.name.isidentifier() and folder.name != "tests"]
    paths = [*ROOT.glob("*.py"), *(path for folder in folders for path in folder.rglob("*.py"))]
    return {dotted(path): path.read_text(encoding="utf-8") for path in paths}


def dotted(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.fixture(scope="module")
def sources():
    return program()


@pytest.fixture(scope="module")
def graph(sources):
    return architecture.import_graph(sources)


def test_no_circle_between_modules(graph):
    assert architecture.circle(graph) == []


def test_no_circle_between_folders(graph):
    assert architecture.folder_circles(graph) == []


def test_arrows_run_downwards(graph):
    assert architecture.arrows_upwards(graph) == []


def test_copyable_folders_stay_alone(graph):
    assert architecture.foreign_imports(graph) == []


def test_imports_are_absolute(sources):
    assert [name for name, text in sources.items() if "\nfrom ." in text] == []


def test_modules_are_short(sources):
    lines = {name: text.count("\n") for name, text in sources.items()}
    assert {name: count for name, count in lines.items() if count > MAX_MODULE_LINES} == {}


def test_folders_are_small():
    folders = Counter(path.parent for path in ROOT.rglob("*.py") if top_folder(path) in architecture.FOLDERS)
    large = {str(folder.relative_to(ROOT)) for folder, count in folders.items() if count > MAX_FOLDER_MODULES}
    assert large - set(FREE_OF_FOLDER_LIMIT) == set()


def top_folder(path):
    return path.relative_to(ROOT).parts[0]


def test_functions_are_short(sources):
    lengths = architecture.function_lengths(sources)
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES} == {}
    assert statistics.median(lengths.values()) <= MAX_MEDIAN_LINES


# The tests above see what is planted, here into a small tree:

TREE = dict.fromkeys(("train", "errors", "benchmarks.measure", "pipelines.startup", "runs.bar", "model.saving"), "")
TREE |= {"images.writing": "import numpy", "layers.pooling": "import keras", "web.server": "import http.server"}


@pytest.mark.parametrize(
    ("module", "text", "found"),
    [
        ("layers.planted", "import model.saving", "layers.planted -> model.saving"),
        ("model.planted", "def f():\n    from pipelines import startup", "model.planted -> pipelines.startup"),
        ("pipelines.planted", "import train", "pipelines.planted -> train"),
        ("errors", "from images import writing", "errors -> images.writing"),
        ("images.planted", "import importlib\nimportlib.import_module('runs.bar')", "images.planted -> runs.bar"),
        ("convert.planted", "import benchmarks.measure", "convert.planted -> benchmarks.measure"),
    ],
)
def test_planted_arrow_upwards_is_found(module, text, found):
    assert architecture.arrows_upwards(architecture.import_graph({**TREE, module: text})) == [found]


@pytest.mark.parametrize(
    ("module", "text", "found"),
    [
        ("layers.planted", "import numpy as np", "layers.planted -> numpy"),
        ("layers.planted", "import tensorflow", "layers.planted -> tensorflow"),
        ("images.planted", "from errors import UserError", "images.planted -> errors"),
        ("runtimes.planted", "import keras", "runtimes.planted -> keras"),
        ("web.planted", "def f():\n    import numpy.linalg", "web.planted -> numpy"),
    ],
)
def test_planted_foreign_import_is_found(module, text, found):
    assert architecture.foreign_imports(architecture.import_graph({**TREE, module: text})) == [found]


def test_planted_circles_are_found():
    planted = {
        "losses.a": "from losses import b",
        "losses.b": "from losses import c",
        "losses.c": "import losses.a",
    }
    assert architecture.circle(architecture.import_graph(planted)) == ["losses.a", "losses.b", "losses.c", "losses.a"]


def test_planted_circle_between_folders_is_found():
    planted = {
        "pipelines.x.a": "from pipelines.y import b",
        "pipelines.y.b": "",
        "pipelines.y.c": "from pipelines.x import d",
        "pipelines.x.d": "",
    }
    graph = architecture.import_graph(planted)
    assert architecture.circle(graph) == []
    assert architecture.folder_circles(graph) == [["pipelines.x", "pipelines.y", "pipelines.x"]]


def test_planted_long_function_is_seen():
    text = 'def f():\n    """One line."""\n' + "    pass\n" * 60
    assert architecture.function_lengths({"planted": text}) == {"planted:1 f": 62}
