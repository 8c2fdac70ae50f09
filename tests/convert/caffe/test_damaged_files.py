"""Damaged prototxts and caffemodels: success or a clear error, in bounded time and memory."""

import pytest
from support.caffe_fuzz import run


def test_damaged_files_end_well(tmp_path):
    report = run(200, seed=0, folder=tmp_path)
    assert report["outcomes"]["success"] >= 10
    assert report["outcomes"]["clear error"] >= 100


@pytest.mark.slow
def test_many_damaged_files_end_well_in_bounded_memory(tmp_path):
    report = run(10_000, seed=1_000, folder=tmp_path)
    assert report["outcomes"]["success"] >= 500
    # Keras and TensorFlow alone take some 600 MB.
    assert report["peak_megabytes"] < 1_500
