"""The commands of README and of docs/ run as they are written; sizes and iterations are cut by TEXTURE_NETS_BRIEF."""

import importlib
import re
import shlex
import webbrowser

import numpy as np
import pytest
from conftest import ROOT
from support import architecture
from support.films import write_video

from pipelines.brief import VARIABLE
from pipelines.command_line import ArgumentParser

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The reader's own files, by what stands in their places.
PLACES = {"<photos>": "pics", "<film.mp4>": "film.mp4"}
# Setting up, the tests themselves, and what runs on other machines.
LEFT_OUT = re.compile(r"(\S*python3 -m venv|\S*pip install|\S*pre-commit|\.ci/run|ssh |\S*python -m pytest)")


def steps(page):
    """Return the commands and pieces of code of a page in order, each as (kind, text)."""
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            yield kind, text
        else:
            lines = text.replace("\\\n", " ").splitlines()
            commands = [part.strip() for line in lines for part in line.split("&&")]
            yield from (("sh", command) for command in commands if command and not LEFT_OUT.match(command))


def run(kind, text):
    if kind == "python":
        exec(compile(text, "README", "exec"), {})
        return
    words = shlex.split(text)
    words = [PLACES.get(word, word) for word in words]
    assert not any(word.startswith("<") for word in words), f"{text}: which file of the reader's is meant?"
    assert words[0].endswith("python"), text
    assert words[1].endswith(".py"), text
    assert importlib.import_module(words[1].removesuffix(".py")).main(words[2:]) == 0


@pytest.mark.parametrize("page", [page for page in PAGES if list(steps(page))], ids=lambda page: page.name)
def test_commands_run_as_written(page, random_descriptor, tmp_path, monkeypatch):
    """In their order, as later ones use what earlier ones wrote, in a folder that looks like the program's."""
    for path in ROOT.iterdir():
        if not path.name.startswith("."):
            (tmp_path / path.name).symlink_to(path)
    write_video(tmp_path / "film.mp4", [np.full((32, 48, 3), 40 * i, np.uint8) for i in range(3)])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "1")
    monkeypatch.setattr(webbrowser, "open", lambda url: True)
    for kind, text in steps(page):
        run(kind, text)


def test_all_scripts_are_shown():
    shown = set(re.findall(r"(?<=python )(\w+)\.py ", (ROOT / "README.md").read_text(encoding="utf-8")))
    modules = {path.stem for path in ROOT.glob("*.py")} - {*architecture.FOR_ALL, architecture.FACE}
    assert shown == modules


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_are_there(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)|src=\"([^\"]+)\"", text)
    missing = [
        name
        for pair in targets
        if not (name := "".join(pair)).startswith("http")
        if not page.parent.joinpath(name).exists()
    ]
    assert missing == []


def test_only_sizes_and_iterations_are_cut(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    parser = ArgumentParser()
    parser.add_argument("--output-width", type=int, default=512)
    parser.add_argument("--end-scale", default="512+")
    parser.add_argument("--max-iter", type=int)
    parser.add_argument("--octaves", type=int, default=4)
    assert vars(parser.parse_args([])) == {"output_width": 512, "end_scale": "512+", "max_iter": None, "octaves": 4}
    monkeypatch.setenv(VARIABLE, "1")
    arguments = parser.parse_args(["--max-iter", "100", "--end-scale", "512"])
    assert parser.get_default("output_width") == 64  # what is not given is not taken for given
    assert vars(arguments) == {"output_width": 64, "end_scale": "64", "max_iter": 2, "octaves": 4}
