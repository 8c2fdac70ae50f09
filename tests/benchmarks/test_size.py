"""The benchmark of large pictures, on small ones."""

import os
from argparse import Namespace

import numpy as np
import pytest
from PIL import Image
from support.small_models import inverting_model

from benchmarks import size
from errors import ArgumentError
from model.saving import save_model


@pytest.fixture
def arguments(tmp_path):
    save_model(inverting_model(), tmp_path / "model.keras")
    return Namespace(model=str(tmp_path / "model.keras"), precision="float32")


def test_a_run_is_measured_and_its_way_told(tmp_path, arguments):
    run = size.measure(tmp_path, 0.02, "64GB", arguments)
    assert run.way == "whole"
    assert 0.1 < run.gigabytes < 4
    assert 0 < run.seconds < 60
    assert Image.open(tmp_path / "stylised.png").size == (141, 141)


def test_a_run_that_fails_is_told(tmp_path, arguments):
    arguments.model = "no_model"
    with pytest.raises(RuntimeError, match="no_model"):
        size.measure(tmp_path, 0.02, "1GB", arguments)


def test_own_memory_is_seen():
    before = size.anonymous_bytes(os.getpid())
    values = np.ones(10**7)
    assert size.anonymous_bytes(os.getpid()) - before > 6 * 10**7
    assert values[0] == 1


def test_sizes():
    assert size.parse_sizes(["24=2GB"]) == [(24.0, "2GB")]
    with pytest.raises(ArgumentError, match="`memory`"):
        size.parse_sizes(["1=much"])
