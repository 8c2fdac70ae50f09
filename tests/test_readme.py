"""The commands of README and of docs/ run as they are written; sizes and iterations are cut by TEXTURE_NETS_BRIEF."""

import importlib
import re
import shlex
import shutil
import socket
import subprocess
import sys
import webbrowser
from pathlib import Path

import pytest
from conftest import ROOT
from support import architecture
from support.buckets import served_bucket
from support.reader_files import write_reader_files

from pipelines.brief import VARIABLE
from pipelines.command_line import ArgumentParser

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "CONTRIBUTING.md"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What is run, and what is none of the program's commands.
RUN, SHOWN = {"sh", "python"}, {"", "yaml"}
PLACE = re.compile(r"<[^<>\s]+>(:\d+)?")
MACHINE = re.compile(r"^# on the \w+ machine\n", re.MULTILINE)
# Setting up, also other machines, and the tests themselves.
LEFT_OUT = re.compile(r"(\S*python3 -m venv|\S*pip install|\S*pre-commit|\.ci/run|ssh |\S*python -m pytest|ray st)")
# What needs a cluster, and networks that others published.
CLUSTER, PUBLISHED = "cluster.md", "models.md"


def steps(page):
    """Return the commands and pieces of code of a page in order, each as (kind, text)."""
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            yield kind, text
        elif kind == "sh" and MACHINE.match(text):
            yield "machines", text
        elif kind == "sh":
            lines = text.replace("\\\n", " ").splitlines()
            commands = [part.strip() for line in lines for part in line.split("&&")]
            yield from (("sh", command) for command in commands if command and not LEFT_OUT.match(command))


def filled(text, places):
    """Return a command with the reader's own files in their places."""
    return PLACE.sub(lambda match: places[match[0]] if match[0] in places else places[match[0].partition(":")[0]], text)


def run(kind, text, places):
    if kind == "machines":
        run_side_by_side([filled(part, places) for part in MACHINE.split(text) if part])
        return
    if kind == "sh":
        words = shlex.split(filled(text, places))
        assert words[0].endswith("python"), text
        if words[1] != "-c":
            assert importlib.import_module(words[1].removesuffix(".py")).main(words[2:]) == 0
            return
        text = words[2]
    exec(compile(text, "documentation", "exec"), {})


def run_side_by_side(scripts):
    """Run what is to run on several machines at once, each in a shell of its own."""
    shell = ["sh", "-ec", f'python() {{ "{sys.executable}" "$@"; }}\n']
    started = [subprocess.Popen([*shell[:2], shell[2] + script], stderr=subprocess.PIPE) for script in scripts]
    told = [process.communicate(timeout=600)[1] for process in started]
    assert [process.returncode for process in started] == [0] * len(scripts), told


@pytest.fixture
def places(random_descriptor, tmp_path, monkeypatch):
    """The reader's own files, in a folder that looks like the program's and is the present one."""
    for path in ROOT.iterdir():
        if not path.name.startswith("."):
            (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "1")
    monkeypatch.setattr(webbrowser, "open", lambda url: True)
    return write_reader_files(tmp_path)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if list(steps(page)) and page.name not in (CLUSTER, PUBLISHED)],
    ids=lambda page: page.name,
)
def test_commands_run_as_written(page, places):
    """In their order, as later ones use what earlier ones wrote."""
    for kind, text in steps(page):
        run(kind, text, places)


@pytest.mark.slow
def test_commands_for_several_machines(places, monkeypatch):
    """On a cluster of one node, and with two processes in the place of two machines."""
    from ray.cluster_utils import Cluster

    places["<first-machine>:7000"], places["<second-machine>:7000"] = (f"127.0.0.1:{free_port()}" for _ in range(2))
    places["<bucket>"] = "pictures"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    try:
        with served_bucket(monkeypatch) as client:
            for path in Path("shared/photos").iterdir():
                client.upload_file(str(path), "pictures", f"photos/{path.name}")
            for kind, text in steps(ROOT / "docs" / CLUSTER):
                run(kind, text, places)
    finally:
        cluster.shutdown()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.slow
def test_commands_of_published_networks(shared, places):
    files = {f"<{path.name}>": str(path) for path in (shared / "fixtures").rglob("*") if path.is_file()}
    for kind, text in steps(ROOT / "docs" / PUBLISHED):
        run(kind, text, files)


@pytest.mark.slow
def test_the_published_pair_reads_a_code(shared, places, capsys):
    for path in (shared / "fixtures" / "real" / "caffe" / "wechat_qrcode").iterdir():
        shutil.copy(path, path.name)
    for kind, text in steps(ROOT / "docs" / "old_models.md"):
        if "--verify" not in text:  # there is no record of what Caffe computes
            run(kind, text, places)
    assert "old networks, alive" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_all_commands_are_run(page):
    """None hides in a block of another kind, and their options are known, where they run in slow tests only too."""
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert {kind for kind, _ in blocks} <= RUN | SHOWN
    assert not [text for kind, text in blocks if kind in SHOWN and re.search(r"python \w+\.py", text)]
    for kind, text in steps(page):
        words = shlex.split(text) if kind == "sh" else []
        module = importlib.import_module(words[1].removesuffix(".py")) if words[1:] and words[1] != "-c" else None
        if hasattr(module, "make_parser"):
            module.make_parser().parse_args(words[2:])


def test_all_scripts_are_shown():
    shown = set(re.findall(r"(?<=python )(\w+)\.py ", (ROOT / "README.md").read_text(encoding="utf-8")))
    modules = {path.stem for path in ROOT.glob("*.py")} - {*architecture.FOR_ALL, architecture.INTERFACE}
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
