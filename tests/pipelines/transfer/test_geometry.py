"""Sizes of a schedule over scales."""

import pytest

from pipelines.transfer.geometry import fitting_size, root_two_scales, safe_scale


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
