"""Histogram matching by its definition, and against scikit-image's algorithm on pictures without equal values."""

import numpy as np
import pytest

from images.histogram import match_histogram


def picture(shape=(20, 30, 3), seed=0):
    return np.random.default_rng(seed).random(shape, dtype="float32")


def test_values_are_the_references_at_the_same_rank():
    pixels, reference = picture(), picture(seed=1) ** 3
    result = match_histogram(pixels, [reference])
    assert result.shape == pixels.shape
    for channel in range(3):
        np.testing.assert_allclose(
            np.sort(result[..., channel].ravel()), np.sort(reference[..., channel].ravel()), atol=1e-6
        )
        order = np.argsort(pixels[..., channel].ravel())
        assert (np.diff(result[..., channel].ravel()[order]) >= 0).all()


def test_a_picture_matched_with_itself_stays():
    pixels = np.round(picture() * 8) / 8
    np.testing.assert_allclose(match_histogram(pixels, [pixels]), pixels, atol=0.02)


def test_equal_values_stay_equal():
    pixels = np.round(picture() * 3) / 3
    result = match_histogram(pixels, [picture(seed=1)])
    for value in np.unique(pixels[..., 0]):
        assert len(np.unique(result[..., 0][pixels[..., 0] == value])) == 1


def test_references_of_other_sizes_count_by_their_pixels():
    dark, light = np.zeros((10, 30, 3)), np.ones((10, 10, 3))
    result = match_histogram(picture(), [dark, light])
    assert result.mean() == pytest.approx(0.25, abs=0.01)


def test_large_references_are_thinned_out(monkeypatch):
    monkeypatch.setattr("images.histogram.MAX_SAMPLES", 1000)
    result = match_histogram(picture(), [picture((200, 200, 3), seed=1) ** 2])
    assert result.mean() == pytest.approx(1 / 3, abs=0.03)
