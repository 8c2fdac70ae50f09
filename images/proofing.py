"""Soft proofing: what is left of a picture's colours on a press."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from images.color_profiles import INTENT, open_profile
from images.errors import ImageError, ProfileError, reason
from images.writing import to_bytes


def soft_proof(pixels: np.ndarray, profile: str | os.PathLike) -> np.ndarray:
    """Return `pixels` as a press prints them: from sRGB to the profile's CMYK and back, with 8 bits.

    Args:
        pixels: floats (height, width, 3), RGB, sRGB-encoded, in [0, 1].
        profile: file of the press' ICC profile.

    Returns:
        float32 (height, width, 3) in [0, 1].

    Raises:
        ImageError: the file is no profile of a CMYK device that can be followed both ways.
    """
    path = Path(profile)
    try:
        press = open_profile(path.read_bytes())
        space = press.profile.xcolor_space.strip()
        if space != "CMYK":
            raise ImageError(f"{path}: a profile for {space}; soft proofs need one for CMYK")
        srgb = ImageCms.createProfile("sRGB")
        there = ImageCms.buildTransform(srgb, press, "RGB", "CMYK", renderingIntent=INTENT)
        back = ImageCms.buildTransform(press, srgb, "CMYK", "RGB", renderingIntent=INTENT)
    except (OSError, ProfileError, ImageCms.PyCMSError) as error:
        raise ImageError(f"{path}: not a colour profile for soft proofs: {reason(error)}") from error
    image = Image.fromarray(to_bytes(pixels))
    for transform in (there, back):
        image = ImageCms.applyTransform(image, transform) or image
    return np.asarray(image, np.float32) / np.float32(255)
