"""Correspondences: the search beside a tree's, and surfaces whose maps keep their relations."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from support.material_cases import stones

from pipelines.materials.matching import Search
from pipelines.materials.neighbourhoods import SIZE, continued, described, halved, principal_axes
from pipelines.materials.scores import distance, gradient_correlations, largest_difference
from pipelines.materials.surface import stacked
from pipelines.materials.tiles import seam, well_cut
from pipelines.materials.transfer import Correspondence, assembled, corresponding

BOTH = (True, True)


@pytest.fixture(scope="module")
def source():
    return stones(96, 24)


@pytest.fixture(scope="module")
def made(source):
    """What is made of other stones' base colour as a guide."""
    guide = stones(64, 11, seed=3)["baseColor"]
    generator = np.random.default_rng(0)
    return corresponding(stacked(source), source["baseColor"], guide, BOTH, generator)


def test_maps_keep_register(source, made):
    surface = assembled(source, made)
    assert {key: values.shape for key, values in surface.items()} == {
        key: (64, 64, values.shape[2]) for key, values in source.items()
    }
    found, wanted = gradient_correlations(surface), gradient_correlations(source)
    assert found.keys() == wanted.keys()
    assert largest_difference(found, wanted) < 0.12  # of 24 stones a few fit in; 11 others differ by as much
    # Height is light times dome and roughness follows light: in the result as in the source.
    inside = surface["ao"][..., 0] > 0.95
    assert np.corrcoef(surface["height"][inside].ravel(), surface["roughness"][inside].ravel())[0, 1] < -0.95
    shuffled = dict(surface, height=np.roll(surface["height"], 9, axis=0))
    assert largest_difference(gradient_correlations(shuffled), wanted) > 0.3


def test_it_repeats_and_looks_like_the_source(source, made):
    surface = well_cut(assembled(source, made), (0, 1))
    assert all(seam(values) < 1.2 for values in surface.values())
    close = distance(stacked(surface, source), stacked(source))
    assert close < distance(np.zeros((64, 64, 9), np.float32), stacked(source)) / 3


def test_values_lie_within_the_source_s(source, made):
    for key, values in assembled(source, made).items():
        assert source[key].min() - 1e-6 <= values.min() <= values.max() <= source[key].max() + 1e-6


def test_a_guide_that_is_the_source_gives_the_source(source):
    small = {key: values[:48, :48] for key, values in source.items()}
    made = corresponding(
        stacked(small), small["baseColor"], small["baseColor"], (False, False), np.random.default_rng(0)
    )
    surface = assembled(small, made)
    middle = np.s_[SIZE:-SIZE, SIZE:-SIZE]
    for key, values in small.items():
        assert np.mean(np.abs(surface[key][middle] - values[middle]) < 0.02) > 0.95


def test_the_same_seed_gives_the_same(source, made):
    guide = stones(64, 11, seed=3)["baseColor"]
    again = corresponding(stacked(source), source["baseColor"], guide, BOTH, np.random.default_rng(0))
    np.testing.assert_array_equal(again.places, made.places)


@pytest.mark.parametrize("wraps", [(True, True), (True, False), (False, False)])
def test_places_in_order_give_a_copy(wraps):
    values = np.random.default_rng(0).random((20 + SIZE - 1, 24 + SIZE - 1, 2)).astype(np.float32)
    places = np.stack(np.indices((20, 24)), axis=2)
    found = Correspondence(places, np.ones((20, 24), np.float32), wraps).applied(values)
    inside = [slice(SIZE, -SIZE) if wrap else slice(None) for wrap in wraps]
    np.testing.assert_allclose(found[tuple(inside)], values[3:-3, 3:-3][tuple(inside)], atol=1e-6)


def test_search_finds_what_a_tree_finds():
    generator = np.random.default_rng(0)
    picture = stones(40, 8)["baseColor"]
    axes = principal_axes(picture, generator)
    known, wanted = described(picture, axes), described(continued(picture[5:25, 6:30], BOTH), axes)
    search = Search(known, wanted, generator)
    places = generator.integers(0, search.limits, (*wanted.shape[:2], 2))
    _, distances = search.run(places, 12)
    nearest = cKDTree(known.reshape(-1, known.shape[2])).query(wanted.reshape(-1, wanted.shape[2]))[0] ** 2
    assert np.mean(distances.ravel() <= 1.3 * nearest + 1e-3) > 0.9


def test_halves_are_means():
    values = np.arange(30.0).reshape(5, 6, 1)
    np.testing.assert_allclose(halved(values)[..., 0], [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5], [24.5, 26.5, 28.5]])
    np.testing.assert_allclose(halved(values, BOTH)[-1, :, 0], [12.5, 14.5, 16.5])


def test_neighbourhoods_are_the_pixels_around():
    values = np.random.default_rng(0).random((9, 10, 2)).astype(np.float32)
    axes = np.eye(SIZE * SIZE * 2, dtype=np.float32)
    found = described(values, axes)
    np.testing.assert_array_equal(found[1, 2].reshape(2, SIZE, SIZE), np.moveaxis(values[1:8, 2:9], 2, 0))
