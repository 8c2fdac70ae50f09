"""Sizes and iterations of a schedule over scales."""

import pytest

from optimize.schedule import fitting_size, growing_sizes, root_two_scales, safe_scale, split_iterations


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


@pytest.mark.parametrize(
    ("smallest", "largest", "expected"),
    [
        (128, 512, [128, 181, 256, 362, 512]),
        (128, 128, [128]),
        (600, 512, [512]),
        (1, 4, [1, 1, 2, 3, 4]),
    ],
)
def test_scales_grow_by_the_root_of_two(smallest, largest, expected):
    assert root_two_scales(smallest, largest) == sorted(set(expected))


def test_sizes_fit_and_safe_scale_keeps_the_area():
    assert fitting_size(474, 712, 512) == (341, 512)
    assert fitting_size(712, 474, 512) == (512, 341)
    assert fitting_size(1, 5000, 100) == (1, 100)
    assert safe_scale(474, 712, 512) == safe_scale(712, 474, 512) == 627
    assert safe_scale(5, 5, 512) == 512
