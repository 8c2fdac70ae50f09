"""Colour: a stylised picture in the colours of its content."""

from __future__ import annotations

import numpy as np

# Luma of ITU-R BT.601, on sRGB-encoded values: the Y of YIQ, YUV and YCbCr (JPEG).
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def transfer_luma(stylized: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return the luma of `stylized` with the chroma of `content`.

    This is the luminance-only transfer of Gatys et al. 2016, "Preserving Color in Neural Artistic Style
    Transfer" (arXiv:1606.05897), section 4, which joins the Y of one picture with the I and Q of the other
    in YIQ. As chroma is a linear function of R-Y, G-Y and B-Y, adding the difference of the lumas to all
    three channels of the content does the same. It differs where the sum leaves the gamut: clipping each
    channel there would shift hues; here the luma stops at the last value that the chroma allows, so the
    chroma is the content's in every pixel. (One such value always exists: the content's own luma is one.)

    Args:
        stylized: float32 (height, width, 3), RGB, sRGB-encoded, in [0, 1].
        content: the same shape and range.

    Returns:
        float32 (height, width, 3) in [0, 1].
    """
    shift = (stylized - content) @ LUMA
    shift = np.clip(shift, -content.min(axis=-1), 1 - content.max(axis=-1))
    return np.clip(content + shift[..., None], 0, 1)  # the clip takes away rounding alone
