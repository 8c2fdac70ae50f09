"""Damaged Torch7 files, from reading to the Keras model: success or a clear error, in bounded time and memory."""

import resource
import time

import keras
import pytest
from support.torch7_fuzz import mutations, sound_files
from support.torch7_wide import SHIPPED_WIDE_CASES

from convert.torch7.builder import BuildOptions
from errors import UserError
from pipelines.importing.torch7 import Request, convert_file


def wide_files(largest=9_000):
    """Return small files of every module type."""
    return [case.path.read_bytes() for case in SHIPPED_WIDE_CASES if case.path.stat().st_size <= largest]


def convert_damaged_files(path, count, seed, files=None):
    """Convert `count` damaged files; return how many succeeded and the longest time of the processor.

    Errors other than clear ones pass through.
    """
    files = files or sound_files()
    sources = [mutations(data, seed + i) for i, data in enumerate(files)]
    succeeded, slowest = 0, 0.0
    for i in range(count):
        if i % 500 == 0:
            keras.backend.clear_session()  # what Keras keeps of models of before is not the present file's
        path.write_bytes(next(sources[i % len(sources)]))
        start = time.process_time()
        try:
            convert_file(Request(path, None, BuildOptions(), "auto"), None, "float32")
            succeeded += 1
        except UserError as error:
            message = str(error)
            assert "\n" not in message, message
            assert str(path) in message, message
        slowest = max(slowest, time.process_time() - start)
    return succeeded, slowest


def test_damaged_files_end_well(tmp_path):
    succeeded, slowest = convert_damaged_files(tmp_path / "damaged.t7", count=400, seed=1000)
    assert 20 < succeeded < 380
    assert slowest < 20


def test_damaged_files_of_every_type_end_well(tmp_path):
    succeeded, slowest = convert_damaged_files(tmp_path / "damaged.t7", count=400, seed=7, files=wide_files())
    assert 20 < succeeded < 380
    assert slowest < 20


@pytest.mark.slow
def test_many_damaged_files_end_well_in_bounded_memory(tmp_path):
    succeeded, slowest = convert_damaged_files(tmp_path / "damaged.t7", count=20_000, seed=0)
    assert 1_000 < succeeded < 19_000
    assert slowest < 20
    # In kilobytes; Keras and TensorFlow alone take some 700 MB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2**20
