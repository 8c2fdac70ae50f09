"""Damaged PyTorch and safetensors files: success or a clear error, in bounded time and memory."""

import pytest
from support.pytorch_fuzz import run


@pytest.mark.parametrize("count", [600, pytest.param(20_000, marks=pytest.mark.slow)])
def test_damaged_files_are_read_or_refused(count, tmp_path):
    report = run(count, seed=0, folder=tmp_path)
    assert sum(report["outcomes"].values()) == count
    assert min(report["outcomes"].values()) > count // 20


def test_damaged_networks_are_converted_or_refused(tmp_path):
    assert run(40, seed=7, folder=tmp_path, convert_too=True)["outcomes"]["clear error"] > 10
