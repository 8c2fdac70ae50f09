"""Resizing, against the Lanczos formula written out with NumPy."""

import numpy as np
import pytest

from images.errors import ImageError
from images.picture import Picture
from images.resizing import resize, resize_long_side


@pytest.fixture
def random():
    return np.random.default_rng(5)


def lanczos_matrix(size: int, target: int) -> np.ndarray:
    """Return the (target, size) matrix of the antialiased three-lobe Lanczos filter, normalised at the borders."""
    scale = size / target
    width = max(scale, 1.0)
    centers = (np.arange(target) + 0.5) * scale
    distance = (np.arange(size)[None] + 0.5 - centers[:, None]) / width
    weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("size", [(11, 40), (40, 11), (53, 70), (17, 23), (1, 1)])
def test_against_the_formula(random, size):
    values = random.random((17, 23, 3)).astype(np.float32)
    expected = np.einsum("ih,hwc,jw->ijc", lanczos_matrix(17, size[0]), values, lanczos_matrix(23, size[1]))
    result = resize(values, *size)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, np.clip(expected, 0, 1), atol=2e-5)
    np.testing.assert_array_equal(resize(values[..., 1], *size), result[..., 1])


def test_the_same_size_is_the_same_picture(random):
    values = random.random((5, 7, 3))
    assert resize(values, 5, 7) is values


def test_shrinking_does_not_alias():
    stripes = np.tile(np.arange(512) % 2, (16, 1)).astype(np.float32)
    np.testing.assert_allclose(resize(stripes, 16, 100)[:, 2:-2], 0.5, atol=0.02)


@pytest.mark.parametrize(("height", "width", "long_side", "expected"), [
    (300, 451, 512, (341, 512)),
    (451, 300, 100, (100, 67)),
    (64, 64, 33, (33, 33)),
    (1, 1000, 10, (1, 10)),
    (512, 100, 512, (512, 100)),
])  # fmt: skip
def test_long_side(height, width, long_side, expected):
    picture = resize_long_side(Picture(np.zeros((height, width, 3), np.float32)), long_side)
    assert picture.pixels.shape == (*expected, 3)
    assert picture.alpha is None


def test_colours_hidden_under_alpha_do_not_bleed():
    pixels = np.zeros((64, 64, 3), np.float32)
    pixels[:, :33] = (0, 1, 0)  # visible green up to column 32, then hidden red
    pixels[:, 33:] = (1, 0, 0)
    alpha = np.zeros((64, 64), np.float32)
    alpha[:, :33] = 1
    picture = resize_long_side(Picture(pixels, alpha), 20)
    visible = picture.alpha > 0.05
    assert 0.4 < visible.mean() < 0.65
    np.testing.assert_allclose(np.abs(picture.pixels[visible] - (0, 1, 0)).max(), 0, atol=0.02)
    assert picture.pixels.shape == (20, 20, 3)


@pytest.mark.parametrize("size", [(0, 5), (5, -1), (20000, 20000)])
def test_sizes_that_are_not_allowed(size):
    with pytest.raises(ImageError, match="pixels are allowed"):
        resize(np.zeros((4, 4, 3), np.float32), *size)
