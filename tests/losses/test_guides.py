"""Guides at feature maps, against plain averages."""

import numpy as np
import pytest

from describe.positions import Positions
from losses.guides import guide_at


def test_at_the_pixels_a_guide_is_the_mask():
    mask = np.random.default_rng(0).random((7, 9))
    np.testing.assert_allclose(guide_at(mask, Positions(0, 1, 7), Positions(0, 1, 9)), mask, atol=1e-12)


def test_after_pooling_it_is_the_mean_of_the_window():
    mask = np.random.default_rng(0).random((8, 12))
    positions = [Positions(0, 1, size).pooled() for size in (8, 12)]
    expected = mask.reshape(4, 2, 6, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(guide_at(mask, *positions), expected, atol=1e-12)
    positions = [Positions(0, 1, size).pooled().pooled() for size in (8, 12)]
    expected = mask.reshape(2, 4, 3, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(guide_at(mask, *positions), expected, atol=1e-12)


def test_convolutions_without_padding_cut_the_edge():
    mask = np.random.default_rng(0).random((8, 12))
    positions = [Positions(0, 1, size).convolved(1) for size in (8, 12)]
    np.testing.assert_allclose(guide_at(mask, *positions), mask[1:-1, 1:-1], atol=1e-12)


def test_halved_positions_are_every_second_pixel_and_beyond_the_edge_nothing_counts():
    mask = np.arange(8.0)[:, None] * np.ones((1, 3))
    rows = Positions(0, 1, 8).halved(0)
    assert rows == Positions(0, 2, 4)
    # Two pixels around 0, 2, 4, 6: half of each neighbour, the first cut at the edge.
    expected = [(0 + 0.5 * 1) / 1.5, 2, 4, 6]
    np.testing.assert_allclose(guide_at(mask, rows, Positions(0, 1, 3))[:, 0], expected, atol=1e-12)
    assert Positions(0, 1, 9).halved(2) == Positions(2, 2, 3)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_guide_of_one_value_keeps_it(share):
    positions = Positions(1.5, 4, 3)
    np.testing.assert_allclose(guide_at(np.full((14, 14), share), positions, positions), share, atol=1e-12)
