"""Luma transfer, measured with OpenCV's YCrCb."""

import cv2
import numpy as np
import pytest

from images.color import transfer_luma


@pytest.fixture
def pictures():
    random = np.random.default_rng(2)
    return random.random((40, 50, 3)).astype(np.float32), random.random((40, 50, 3)).astype(np.float32)


def test_chroma_is_the_contents_everywhere(pictures):
    stylized, content = pictures
    result = cv2.cvtColor(transfer_luma(stylized, content), cv2.COLOR_RGB2YCrCb)
    expected = cv2.cvtColor(content, cv2.COLOR_RGB2YCrCb)
    np.testing.assert_allclose(result[..., 1:], expected[..., 1:], atol=1e-5)


def test_luma_is_the_stylized_ones_as_far_as_the_gamut_goes(pictures):
    stylized, content = pictures
    result = transfer_luma(stylized, content)
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1
    luma = [cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)[..., 0] for picture in (result, stylized, content)]
    inside = (result.min(axis=-1) > 1e-6) & (result.max(axis=-1) < 1 - 1e-6)
    assert 0.2 < inside.mean() < 0.9
    np.testing.assert_allclose(luma[0][inside], luma[1][inside], atol=1e-5)
    # Elsewhere it lies between the content's and the stylised one.
    assert (np.abs(luma[0] - luma[1]) <= np.abs(luma[2] - luma[1]) + 1e-5).all()


def test_a_picture_in_its_own_colours_is_itself(pictures):
    np.testing.assert_allclose(transfer_luma(pictures[0], pictures[0]), pictures[0], atol=1e-6)
