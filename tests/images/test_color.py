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


def luma(picture):
    return cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)[..., 0]


def blurred(values, sigma):
    """OpenCV's blur, with the same edges."""
    return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)


def test_strokes_are_the_stylized_ones_and_brightness_is_the_contents_as_far_as_the_gamut_goes(pictures):
    stylized, content = pictures
    content = 0.4 + 0.2 * content  # far from the ends
    stylized = 0.3 * stylized
    result = transfer_luma(stylized, content)
    assert result.dtype == np.float32
    sigma = 50 / 64
    expected = blurred(luma(content), sigma) + luma(stylized) - blurred(luma(stylized), sigma)
    inside = (result.min(axis=-1) > 1e-6) & (result.max(axis=-1) < 1 - 1e-6)
    assert inside.mean() > 0.95
    np.testing.assert_allclose(luma(result)[inside], expected[inside], atol=2e-3)


def test_the_gamut_is_kept(pictures):
    result = transfer_luma(*pictures)
    assert result.min() >= 0
    assert result.max() <= 1


def test_a_darker_style_leaves_skin_as_bright_as_it_was():
    """A face on white, and a style that makes it dark with strokes: grey skin before, the same mean now."""
    content = np.ones((120, 160, 3), np.float32)
    skin = np.array([0.9, 0.72, 0.62], np.float32)
    content[20:100, 40:120] = skin
    strokes = 0.1 * np.sin(np.arange(160) * 1.5)[None, :, None].astype(np.float32)
    result = transfer_luma(np.clip(0.4 * content + strokes, 0, 1), content)
    face = result[35:85, 55:105].reshape(-1, 3)
    np.testing.assert_allclose(face.mean(axis=0), skin, atol=0.01)
    assert face.std(axis=0).min() > 0.04


def test_a_picture_in_its_own_colours_is_itself(pictures):
    np.testing.assert_allclose(transfer_luma(pictures[0], pictures[0]), pictures[0], atol=1e-6)
