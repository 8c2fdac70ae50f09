"""Colour: a stylised picture in the colours of its content."""

from __future__ import annotations

import numpy as np

from images.picture import LUMA

# The standard deviation of the blur that takes the brush strokes from a picture, as a share of its longer side.
STROKE_SHARE = 1 / 64


def transfer_luma(stylized: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return the strokes of `stylized`, as changes of luma, with the chroma and the brightness of `content`.

    This is the luminance-only transfer of Gatys et al. 2016, "Preserving Color in Neural Artistic Style
    Transfer" (arXiv:1606.05897), section 4, which joins the Y of one picture with the I and Q of the other
    in YIQ. As chroma is a linear function of R-Y, G-Y and B-Y, adding the difference of the lumas to all
    three channels of the content does the same.

    A style has its own distribution of light and dark, and the same chroma is another colour on another luma: bright
    skin that becomes dark turns grey, lips turn garish. Gatys et al. therefore give the style the mean and the variance
    of the content's luma before the transfer. A trained network has its style built in, so here the means are matched
    in the result, and around each pixel: what a blur leaves of the stylised luma is replaced by what it leaves of the
    content's.

    Where the sum leaves the gamut, clipping each channel would shift hues; here the luma stops at the last value that
    the chroma allows, so the chroma is the content's in every pixel. (One such value always exists: the content's own
    luma is one.)

    Args:
        stylized: float32 (height, width, 3), RGB, sRGB-encoded, in [0, 1].
        content: the same shape and range.

    Returns:
        float32 (height, width, 3) in [0, 1].
    """
    difference = luma_difference(stylized, content)
    return shift_luma(content, difference - smooth_luma(difference))


def luma_difference(stylized: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return by how much the luma of `stylized` lies above that of `content`: float32 (height, width)."""
    return (stylized - content) @ LUMA


def smooth_luma(difference: np.ndarray) -> np.ndarray:
    """Return what a blur leaves of a whole picture's difference of lumas (height, width): no brush strokes."""
    from scipy.ndimage import gaussian_filter  # most pictures keep no colours, and SciPy takes long to import

    return gaussian_filter(difference, STROKE_SHARE * max(difference.shape), mode="nearest")


def shift_luma(content: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return `content` (height, width, 3) with `shift` (height, width) added to its luma as far as its chroma allows.

    Works on any rows of a picture.
    """
    shift = np.clip(shift, -content.min(axis=-1), 1 - content.max(axis=-1))
    return np.clip(content + shift[..., None], 0, 1)  # the clip takes away rounding alone
