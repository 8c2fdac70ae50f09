"""Scripts where the terminal is narrow, half of it is closed, and names of files are no text."""

import json
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT

from benchmarks.torture.jobs import JOBS, PHOTOS, Job, write_inputs
from pipelines.export.export import export_model

# Neither UTF-8 nor ASCII.
ODD = os.fsdecode(b"fotos \xff\xe9")
# What TensorFlow, oneDNN, absl and CUDA say of themselves.
NOTES = re.compile(
    r"oneDNN|cuInit|absl::|CUDA|cudart|TF-TRT|^[IWE]\d{4} |rebuild TensorFlow|XNNPACK|^INFO:|^WARNING:", re.MULTILINE
)
NARROW = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
RESULTS = {"synthesis": "*.png", "transfer": "result.png", "training": "generator.keras", "import": "network.keras"}
RESULTS |= {"export": "network.tflite", "stylising a folder": "*.png", "import of a Caffe network": "network.keras"}
RESULTS |= {"removal of a lattice": "smooth.keras"}
RESULTS |= {f"stylising with a {kind}": "*.png" for kind in ("SavedModel", "LiteRT file")}
# A process of its own for each takes long; these stand for the others.
QUICK = ("import", "stylising a folder", "stylising with a LiteRT file")
CAFFE_CASE = ROOT / "tests" / "data" / "caffe" / "deconv_pad3.prototxt"


def import_caffe(inputs, outputs):
    files = ["--prototxt", str(CAFFE_CASE), "--input", str(CAFFE_CASE.with_suffix(".caffemodel"))]
    return [*files, "--output", str(outputs / "network.keras")]


def removing_a_lattice(inputs, outputs):
    files = ["--input", str(inputs / "network.keras"), "--output", str(outputs / "smooth.keras")]
    return [*files, "--data", str(inputs / PHOTOS)]


def stylizing_with(model):
    def arguments(inputs, outputs):
        files = ["--input", str(inputs / PHOTOS), "--output", str(outputs / "results")]
        return [*files, "--model", os.path.normpath(inputs / model)]

    return arguments


ALL_JOBS = JOBS | {
    job.name: job
    for job in (
        Job("import of a Caffe network", "import_caffe_weights.py", import_caffe),
        Job("removal of a lattice", "remove_lattice.py", removing_a_lattice),
        Job("stylising with a SavedModel", "stylize_tensorflow_graph.py", stylizing_with("../saved")),
        Job("stylising with a LiteRT file", "stylize_tensorflow_graph.py", stylizing_with("network.tflite")),
    )
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs") / ODD
    folder.mkdir()
    write_inputs(folder)
    (folder / PHOTOS / "00.png").rename(folder / PHOTOS / f"{ODD}.png")
    # TensorFlow cannot write a SavedModel to a folder of that name.
    for path, format in ((folder.parent / "saved", "saved_model"), (folder / "network.tflite", "litert")):
        export_model(input=folder / "network.keras", output=path, format=format, size=(60, 80))
    return folder


def run(job, inputs, outputs, closing="", **variables):
    outputs.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    shell = ["sh", "-c", f'exec "$@" {closing}', "sh", sys.executable]
    return subprocess.run(
        [*shell, *job.command(inputs, outputs)], cwd=ROOT, env=environment | variables, capture_output=True
    )


def assert_done(job, result, outputs):
    told = result.stdout.decode() + result.stderr.decode()  # nothing but ASCII is UTF-8 too
    assert result.returncode == 0, told
    assert "Traceback" not in told
    assert not NOTES.search(told), told
    assert list(outputs.rglob(RESULTS[job.name]))


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in ALL_JOBS]
)
def test_odd_names_on_a_narrow_terminal_without_notes_of_libraries(name, inputs, tmp_path):
    outputs = tmp_path / ODD
    assert_done(ALL_JOBS[name], run(ALL_JOBS[name], inputs, outputs, **NARROW), outputs)


@pytest.mark.slow
@pytest.mark.parametrize("closing", ["2>&-", ">&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("name", ALL_JOBS)
def test_closed_streams(name, closing, inputs, tmp_path):
    outputs = tmp_path / "out"
    assert_done(ALL_JOBS[name], run(ALL_JOBS[name], inputs, outputs, closing), outputs)


PROGRAM = """
import importlib, json, os, sys
codes = []
for script, *arguments in json.loads(os.environ["COMMANDS"]):
    codes.append(importlib.import_module(script.removesuffix(".py")).main(arguments))
with open(sys.argv[1], "w") as file:
    json.dump(codes, file)
"""


def test_all_scripts_with_standard_error_closed(inputs, tmp_path):
    """In one process, for its start takes longest."""

    commands = []
    for name, job in ALL_JOBS.items():
        outputs = tmp_path / name
        outputs.mkdir()
        commands.append(job.command(inputs, outputs))
    environment = os.environ | NARROW | {"COMMANDS": json.dumps(commands)}
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", PROGRAM, str(tmp_path / "codes")]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True)
    assert json.loads((tmp_path / "codes").read_text()) == [0] * len(ALL_JOBS), result.stdout
    for name in ALL_JOBS:
        assert list((tmp_path / name).rglob(RESULTS[name])), name


def test_every_script_is_tried():
    assert {job.script for job in ALL_JOBS.values()} == {path.name for path in ROOT.glob("*.py") if is_script(path)}


def is_script(path):
    return 'if __name__ == "__main__":' in path.read_text()
