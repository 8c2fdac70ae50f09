"""Runs every test marked `backends` again under Keras' other backends.

The backend is chosen when Keras is imported, so each needs a process of its own.
"""

import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT

# Most of jax's time goes into compiling each function once: it is told to spend little on making them quick.
QUICK_COMPILATION = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_marked_tests_pass_under_backend(backend):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "backends and not slow",
        "-p",
        "no:cacheprovider",
        "tests",
    ]
    environment = os.environ | {"KERAS_BACKEND": backend, "XLA_FLAGS": QUICK_COMPILATION}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    summary = result.stdout.strip().splitlines()[-1:]
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
    assert re.search(r"\d+ passed", summary[0]), summary
