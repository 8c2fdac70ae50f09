"""Damaged Torch7 files, in a process of their own with a limit of memory: success or a clear error, nothing else."""

import json
import os
import subprocess
import sys
from itertools import islice

import pytest
from conftest import ROOT
from support.torch7_cases import SHIPPED
from support.torch7_fuzz import mutations, sound_files


@pytest.mark.parametrize("count", [3000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_damaged_files_are_read_or_refused(count):
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "OPENBLAS_NUM_THREADS": "1"}
    command = [
        sys.executable,
        ROOT / "tests" / "support" / "torch7_fuzz.py",
        "--count",
        str(count),
        "--megabytes",
        "1000",
    ]
    run = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    report = json.loads(run.stdout)
    assert sum(report["outcomes"].values()) == count
    assert min(report["outcomes"].values()) > count // 20  # both ends of the reader are reached
    assert report["peak_megabytes"] < 500


def test_mutations_are_many_and_repeatable():
    data = (SHIPPED / "m_jointable.t7").read_bytes()
    first, again = (list(islice(mutations(data, 7), 500)) for _ in range(2))
    assert first == again
    assert len(set(first)) > 450
    assert data not in first[:50]
    assert first != list(islice(mutations(data, 8), 500))


def test_all_formats_are_mutated():
    files = sound_files()
    assert sum(data[1:2] == b"\n" for data in files) > 10
    assert sum(b"torch.CudaHalfStorage" in data for data in files) > 5
    assert len(files) > 120
