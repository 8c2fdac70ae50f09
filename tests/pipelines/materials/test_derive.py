"""Guesses from a photo, on surfaces whose shape is known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from support.material_cases import stones

from pipelines.materials.derive import RELIEF, derived, height_of, integrated, normal_of, roughness_of

BOTH = (True, True)


def waves(size=64):
    rows, columns = np.mgrid[:size, :size] * (2 * np.pi / size)
    return np.sin(2 * rows) * np.cos(3 * columns) + 0.5 * np.sin(columns + rows)


@pytest.mark.parametrize("wraps", [(True, True), (False, False), (True, False)])
def test_slopes_are_integrated(wraps):
    height = waves() if all(wraps) else gaussian_filter(np.random.default_rng(0).random((64, 64)), 4)
    mode = ["wrap" if wrap else "symmetric" for wrap in wraps]
    wide = np.pad(np.pad(height, [(1, 1), (0, 0)], mode=mode[0]), [(0, 0), (1, 1)], mode=mode[1])
    down, right = (wide[2:, 1:-1] - wide[:-2, 1:-1]) / 2, (wide[1:-1, 2:] - wide[1:-1, :-2]) / 2
    found = integrated(down, right, wraps)
    inside = np.s_[:] if all(wraps) else np.s_[8:-8, 8:-8]
    np.testing.assert_allclose(found[inside] - found[inside].mean(), height[inside] - height[inside].mean(), atol=0.02)


def test_normals_are_those_of_slopes():
    normal = 2 * normal_of(waves()[..., np.newaxis], BOTH) - 1
    np.testing.assert_allclose(np.linalg.norm(normal, axis=2), 1, atol=1e-5)
    slopes = normal[..., :2] / normal[..., 2:]
    assert np.sqrt(np.square(slopes).sum(axis=2).mean()) == pytest.approx(RELIEF, rel=1e-4)
    ramp = np.repeat(np.arange(16.0)[:, np.newaxis], 16, axis=1)[..., np.newaxis]  # higher further down
    assert (normal_of(ramp, (False, False))[..., 1] > 0.5).all()  # looks up: green is up
    assert (normal_of(ramp.swapaxes(0, 1), (False, False))[..., 0] < 0.5).all()  # looks left


def test_a_plain_picture_is_flat():
    plain = np.full((40, 40, 3), 0.5, np.float32)
    height = height_of(plain, BOTH)
    np.testing.assert_allclose(height, 0.5)
    np.testing.assert_allclose(normal_of(height, BOTH), np.broadcast_to([0.5, 0.5, 1], (40, 40, 3)))
    assert np.ptp(roughness_of(plain, height, BOTH)) < 1e-6


def test_height_of_stones_is_like_theirs_without_the_shading():
    maps = stones(96, 24)
    columns = np.linspace(0, 2 * np.pi, 96)
    shaded = maps["baseColor"] * (0.7 + 0.3 * np.sin(columns)[np.newaxis, :, np.newaxis])
    found = height_of(shaded.astype(np.float32), BOTH)[..., 0]
    assert (found.min(), found.max()) == (0, 1)
    assert np.corrcoef(found.ravel(), maps["height"].ravel())[0, 1] > 0.7
    plain = height_of(maps["baseColor"], BOTH)[..., 0]
    assert np.corrcoef(found.ravel(), plain.ravel())[0, 1] > 0.95


def test_what_is_derived_repeats():
    base = stones(64)["baseColor"]
    rolled = {"baseColor": np.roll(base, (20, 30), axis=(0, 1))}
    names = ("normal", "roughness", "height")
    one, other = derived({"baseColor": base}, names, BOTH), derived(rolled, names, BOTH)
    for name in names:
        np.testing.assert_allclose(np.roll(one[name], (20, 30), axis=(0, 1)), other[name], atol=1e-4)
        assert (other[name].min() >= 0) & (other[name].max() <= 1)


def test_normals_of_a_given_height_are_its_own():
    maps = stones(64)
    found = derived({"baseColor": maps["baseColor"], "displacement": maps["height"]}, ("normal",), BOTH)
    np.testing.assert_array_equal(found["normal"], normal_of(maps["height"], BOTH))


@pytest.mark.parametrize(("unit", "least"), [(100.0, 0.0), (0.02, 5.0), (1.0, -3.0)])
def test_the_unit_of_a_given_height_makes_no_roughness(unit, least):
    maps = stones(64)
    found = [
        derived({"baseColor": maps["baseColor"], "height": height}, ("roughness",), BOTH)["roughness"]
        for height in (maps["height"], least + unit * maps["height"].astype(np.float64))
    ]
    np.testing.assert_allclose(found[1], found[0], atol=1e-4)
    # High places are smooth.
    assert np.corrcoef(found[0].ravel(), maps["height"].ravel())[0, 1] < -0.7
