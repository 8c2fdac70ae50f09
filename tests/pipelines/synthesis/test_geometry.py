"""Sizes and iterations of a schedule over scales."""

import pytest

from pipelines.synthesis.geometry import growing_sizes, split_iterations


def test_sizes_double_up_to_the_final_one():
    assert growing_sizes(256, 256, smallest=(64, 64)) == [(64, 64), (128, 128), (256, 256)]
    assert growing_sizes(500, 300, smallest=(60, 60)) == [(125, 75), (250, 150), (500, 300)]
    assert growing_sizes(301, 203, smallest=(40, 60)) == [(151, 102), (301, 203)]


def test_the_smaller_side_decides():
    assert growing_sizes(1024, 100, smallest=(64, 64)) == [(1024, 100)]
    assert growing_sizes(1024, 128, smallest=(64, 64)) == [(512, 64), (1024, 128)]
    assert growing_sizes(32, 32, smallest=(64, 64)) == [(32, 32)]


@pytest.mark.parametrize("total", [1, 2, 3, 4, 7, 100, 500, 501])
@pytest.mark.parametrize("scales", [1, 2, 3, 4])
def test_iterations_add_up_and_are_shared_equally(total, scales):
    counts = split_iterations(total, scales)
    assert len(counts) == scales
    assert sum(counts) == total
    assert counts == sorted(counts)
    assert max(counts) - min(counts) <= 1


def test_finer_scales_get_the_rest():
    assert split_iterations(240, 3) == [80, 80, 80]
    assert split_iterations(242, 3) == [80, 81, 81]
    assert split_iterations(2, 4) == [0, 0, 1, 1]
