"""Faults of tiles, beside SciPy and on pictures whose answers are known."""

import numpy as np
import pytest
import scipy.signal

from pipelines.materials import tiles


def noise(size=128):
    return np.random.default_rng(0).random((size, size, 3)).astype("float32")


@pytest.mark.parametrize("wraps", [False, True])
def test_autocorrelation_is_scipys(wraps):
    gray = noise(12)[..., 0].astype("float64")
    centred, ones = gray - gray.mean(), np.ones_like(gray)
    if wraps:
        wanted = scipy.signal.correlate2d(np.tile(centred, (2, 2)), centred, mode="valid")[:12, :12] / 144
    else:
        sums, counts = (scipy.signal.correlate2d(part, part) for part in (centred, ones))
        wanted = np.zeros((24, 24))
        wanted[1:, 1:] = sums / counts
        wanted = np.fft.ifftshift(wanted)
    found = tiles.autocorrelation(gray, wraps=wraps)
    inside = np.ones_like(found, dtype=bool)
    if not wraps:
        inside[12], inside[:, 12] = False, False  # no pixels overlap there
    np.testing.assert_allclose(found[inside], (wanted / gray.var())[inside], atol=1e-12)


def test_a_tile_of_copies_repeats_and_has_no_seam():
    tile = np.tile(noise(32), (4, 4, 1))
    assert tiles.repetition(tile, wraps=True) == pytest.approx(1)
    assert tiles.repetition(noise(), wraps=True) < 0.2
    assert tiles.seam(tile) == pytest.approx(1, abs=0.1)
    assert tiles.seam(np.cumsum(noise(32), axis=0)) > 10


def test_a_seam_is_seen_along_its_axis_alone():
    slope = np.cumsum(noise(32), axis=0)
    assert tiles.seam(slope, axes=(1,)) < 2 < 10 < tiles.seam(slope, axes=(0,))


def test_a_plain_picture_has_no_seam_and_repeats():
    plain = np.full((40, 40, 1), 0.5, np.float32)
    assert (tiles.seam(plain), tiles.repetition(plain, wraps=True), tiles.repetition(plain, wraps=False)) == (1, 1, 1)


def test_maps_are_cut_together_where_nothing_is_seen():
    maps = {"a": noise(24), "b": np.where(np.arange(24) < 12, 0.2, 0.8)[:, np.newaxis, np.newaxis] + 0.1 * noise(24)}
    cut = tiles.well_cut(maps, (0, 1))
    assert max(tiles.seam(values) for values in cut.values()) < 1.2 < 5 < tiles.seam(maps["b"])
    shift = next(
        (down, right)
        for down in range(24)
        for right in range(24)
        if np.array_equal(np.roll(maps["a"], (down, right), axis=(0, 1)), cut["a"])
    )
    np.testing.assert_array_equal(np.roll(maps["b"], shift, axis=(0, 1)), cut["b"])


def test_rounding_of_a_plain_map_is_no_seam_and_decides_no_cut():
    """A constant map that is assembled from places is constant up to the rounding of a weighted mean."""
    plain = 1 + 1e-7 * noise(24)[..., :1]
    plain[0] -= np.float32(3e-7)
    edged = noise(24) + np.where(np.arange(24) < 12, 0.2, 8)[:, np.newaxis, np.newaxis]
    assert (tiles.seam(plain), tiles.repetition(plain, wraps=True)) == (1, 1)
    alone, beside = tiles.well_cut({"edged": edged}, (0, 1)), tiles.well_cut({"edged": edged, "plain": plain}, (0, 1))
    np.testing.assert_array_equal(beside["edged"], alone["edged"])
