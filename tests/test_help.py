"""Scripts read their arguments before they load what takes long."""

import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT

HEAVY = {"keras", "tensorflow", "torch", "jax", "numpy", "scipy", "PIL", "rich", "h5py", "cv2", "av"}
# What the checks of their options need; the other scripts load none of it.
PICTURES = {"numpy", "PIL"}
LOADED = {"synthesize": PICTURES, "train": PICTURES, "style_transfer": PICTURES, "import_torch_weights": {"numpy"}}
SCRIPTS = (
    "export_model", "import_caffe_weights", "import_torch_weights", "style_transfer", "stylize_tensorflow",
    "stylize_tensorflow_graph", "synthesize", "remove_lattice", "train",
)  # fmt: skip
PROGRAM = """
import importlib, sys
script = importlib.import_module(sys.argv[1])
assert script.main(["--no-such-thing"]) == 2
if sys.argv[2:]:
    assert script.main(sys.argv[2:]) == 0
try:
    script.main(["--help"])
finally:
    print("modules:", *sys.modules)
"""


@pytest.mark.parametrize("script", SCRIPTS)
def test_nothing_heavy_is_loaded_before_the_arguments_are_read(script):
    given = ["--list-models"] if script == "stylize_tensorflow" else []
    command = [sys.executable, "-c", PROGRAM, script, *given]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told, _, modules = result.stdout.rpartition("modules: ")
    assert f"usage: {script}.py" in told
    assert result.stderr.count("\n") == 1  # of the unknown argument
    assert set(modules.split()) & HEAVY <= LOADED.get(script, set())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("script", SCRIPTS)
def test_signals_while_modules_are_loaded_end_silently_with_the_exit_code_of_later_ones(script, number, tmp_path):
    """A module that is loaded first of all stands for any of them."""
    (tmp_path / "argparse.py").write_text(f"import os\nos.kill(os.getpid(), {number:d})\n")
    result = subprocess.run(
        [sys.executable, f"{script}.py", "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
        capture_output=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (130, b"")


@pytest.mark.parametrize("script", ["synthesize", "stylize_tensorflow"])
def test_a_package_that_is_not_installed_is_told_in_one_line(script, tmp_path):
    """As outside of the virtual environment."""
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError(\"No module named 'numpy'\", name='numpy')\n")
    result = subprocess.run(
        [sys.executable, f"{script}.py", "--input", "pics/coffee.jpg", "--output", "unwritten.png"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == (
        f"{script}.py: error: {sys.executable} has no Python package numpy; those of requirements.txt are needed\n"
    )
