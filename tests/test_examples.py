"""The examples run, with small sizes, and the notebooks are those of the scripts."""

import importlib
import json
import runpy

import pytest
from conftest import ROOT

make_notebooks = importlib.import_module("examples.make_notebooks")
EXAMPLES = make_notebooks.examples()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_notebook_is_the_scripts(path):
    assert path.with_suffix(".ipynb").read_text(encoding="utf-8") == make_notebooks.notebook(path.read_text("utf-8"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, random_descriptor, monkeypatch, tmp_path):
    monkeypatch.setenv("TEXTURE_NETS_BRIEF", "1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(path))


def test_a_notebook_has_all_its_code():
    notebook = json.loads(
        make_notebooks.notebook('"""About."""\n\n# %% [markdown]\n# # Title\n#\n# Text.\n\n# %%\na = 1\n')
    )
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]] == [
        ("markdown", "# Title\n\nText."),
        ("code", "a = 1"),
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_first_code_cell_is_for_colab(path):
    cells = json.loads(path.with_suffix(".ipynb").read_text("utf-8"))["cells"]
    first = "".join(next(cell["source"] for cell in cells if cell["cell_type"] == "code"))
    assert "git" in first
    assert "clone" in first
    assert '"pip", "install"' in first
    assert '"requirements.txt"' in first  # what requirements-export.txt names is needed beside it
