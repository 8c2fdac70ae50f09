"""Runs every test marked `backends` again under Keras' other backends.

The backend is chosen when Keras is imported, so each needs a process of its own.
"""

import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT
from support.backends import quick_compilation


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_marked_tests_pass_under_backend(backend, tmp_path):
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
    environment = os.environ | {"KERAS_BACKEND": backend, **quick_compilation(tmp_path)}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    summary = result.stdout.strip().splitlines()[-1:]
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
    assert re.search(r"\d+ passed", summary[0]), summary
