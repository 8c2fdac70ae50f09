"""ICC profiles: from the colours of a file to sRGB.

8-bit pictures go through LittleCMS (Pillow's ImageCms). LittleCMS as Pillow offers it knows 8 bits alone, so
deeper pictures in matrix profiles (Adobe RGB, Display P3, ProPhoto, grey gammas: all that cameras and raw
converters embed) are converted here in floating point, with the formulas of ICC.1:2022, F.3.
"""

from __future__ import annotations

import functools
import io
import struct

import numpy as np
from PIL import Image, ImageCms

from images.errors import ProfileError
from images.tone_curves import tone_curves

# LittleCMS' default and the intent of browsers; for matrix profiles all intents are relative colorimetric.
INTENT = ImageCms.Intent.PERCEPTUAL
# The profile's own colour space -> the Pillow mode that its transform takes.
MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


@functools.cache
def srgb_profile() -> bytes:
    """Return the sRGB profile that written pictures carry: LittleCMS' own, with a fixed date.

    The date would otherwise be the present, and the same pixels would give another file each second.
    """
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    date = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return profile[:24] + date + profile[36:]


def convert_to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return the 8-bit `image` (mode L, RGB or CMYK) converted from `profile` to sRGB, in mode RGB.

    Raises:
        ProfileError: the profile is broken or made for other channels than the picture's.
    """
    source = open_profile(profile)
    space = source.profile.xcolor_space.strip()
    mode = MODES.get(space)
    if image.mode == "L" and mode == "RGB":  # a grey picture saved with the profile of its colour original
        image = image.convert("RGB")
    if image.mode != mode:
        raise ProfileError(f"its profile is for {space}, its pixels are {image.mode}")
    transform = _transform(source, mode)
    if mode == "RGB" and _is_srgb(transform):
        return image
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:
        raise ProfileError("its profile cannot be applied")
    return converted


def convert_deep_to_srgb(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """Return `pixels` converted from `profile` to sRGB in floating point; colours outside sRGB are clipped.

    Args:
        pixels: float32 (height, width, 1) grey or (height, width, 3) RGB, in [0, 1], in the profile's space.
        profile: the bytes of an ICC profile.

    Returns:
        float32 (height, width, 3).

    Raises:
        ProfileError: the profile is broken, made for other channels, or built on tables that only the 8-bit
            conversion can follow.
    """
    source = open_profile(profile)
    space = source.profile.xcolor_space.strip()
    if space == "RGB" and pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    if pixels.shape[2] != {"GRAY": 1, "RGB": 3}.get(space):
        raise ProfileError(f"its profile is for {space}, the picture has {pixels.shape[2]} channels")
    if space == "GRAY" and source.profile.connection_space.strip() == "XYZ":
        (curve,) = tone_curves(profile, "kTRC")
        return np.repeat(_encode(curve(pixels)), 3, axis=2)
    if space == "RGB" and _is_srgb(_transform(source, "RGB")):
        return pixels
    if not source.profile.is_matrix_shaper or (source.profile.clut is not None and source.profile.clut[INTENT][0]):
        raise ProfileError("its profile is built on tables, which only 8-bit pictures can be converted with")
    curves = tone_curves(profile, "rTRC", "gTRC", "bTRC")
    linear = np.stack([curve(pixels[..., i]) for i, curve in enumerate(curves)], axis=2)
    matrix = np.linalg.solve(_colorants(open_profile(srgb_profile())), _colorants(source))
    return _encode(linear @ matrix.T.astype(np.float32))


def open_profile(profile: bytes) -> ImageCms.ImageCmsProfile:
    """Return a profile from its bytes.

    Raises:
        ProfileError: it is broken.
    """
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise ProfileError(f"its colour profile is broken ({error})") from error


def _transform(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    try:
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", renderingIntent=INTENT)
    except ImageCms.PyCMSError as error:
        raise ProfileError(f"its colour profile cannot be followed ({error})") from error


def _is_srgb(transform: ImageCms.ImageCmsTransform) -> bool:
    """Tell whether `transform` changes no colour by more than a level: names of sRGB profiles are many."""
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    probe = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    converted = np.asarray(ImageCms.applyTransform(Image.fromarray(probe), transform))
    return int(np.abs(converted.astype(int) - probe).max()) <= 1


def _colorants(source: ImageCms.ImageCmsProfile) -> np.ndarray:
    """Return the 3x3 matrix from linear RGB to XYZ under D50."""
    colorants = [getattr(source.profile, f"{name}_colorant") for name in ("red", "green", "blue")]
    if None in colorants:
        raise ProfileError("its colour profile lacks a primary colour")
    return np.array([xyz for xyz, _ in colorants]).T


def _encode(linear: np.ndarray) -> np.ndarray:
    """Return the sRGB encoding (IEC 61966-2-1) of linear light, clipped to [0, 1]."""
    linear = np.clip(linear, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return encoded.astype(np.float32)
