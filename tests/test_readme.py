"""The README's commands are those that the scripts understand, and name files that are there."""

import importlib
import re
import shlex

import pytest
from conftest import ROOT

COMMANDS = re.findall(r"(?<=python )(\w+)\.py (.+)", (ROOT / "README.md").read_text())
IMPORTS = [(script, arguments) for script, arguments in COMMANDS if script.startswith("import_")]


def test_all_scripts_are_shown():
    shown = {script for script, _ in COMMANDS}
    assert shown == {path.stem for path in ROOT.glob("*.py")} - {
        "errors",
        "choices",
        "compat",
        "options",
        "texture_nets",
        "version",
    }


@pytest.mark.parametrize(("script", "arguments"), COMMANDS, ids=lambda text: text[:60])
def test_command_is_understood(script, arguments):
    words = shlex.split(arguments)
    if script != "stylize_tensorflow_graph":  # it stands alone, with a parser of its own
        importlib.import_module(script).make_parser().parse_args(words)
    shipped = [word for word in words if word.startswith(("tests/", "pics/", "model/"))]
    assert all((ROOT / word).exists() for word in shipped)


@pytest.mark.parametrize(("script", "arguments"), IMPORTS, ids=lambda text: text[:60])
def test_import_runs(script, arguments, tmp_path, monkeypatch):
    words = [str(ROOT / word) if word.startswith("tests/") else word for word in shlex.split(arguments)]
    monkeypatch.chdir(tmp_path)
    assert importlib.import_module(script).main(words) == 0
