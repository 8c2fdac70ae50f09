"""ICC profiles: from the colours of a file to sRGB.

8-bit pictures go through LittleCMS (Pillow's ImageCms). LittleCMS as Pillow offers it knows 8 bits alone, so
deeper pictures in matrix profiles (Adobe RGB, Display P3, ProPhoto, grey gammas: all that cameras and raw
converters embed) are converted here in floating point, with the formulas of ICC.1:2022, F.3.
"""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

from images.errors import ProfileError

# LittleCMS' default and the intent of browsers; for matrix profiles all intents are relative colorimetric.
INTENT = ImageCms.Intent.PERCEPTUAL
# The profile's own colour space -> the Pillow mode that its transform takes.
MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
# Of a profile, in bytes.
HEADER_SIZE = 128
# How many parameters each kind of parametric curve has.
PARAMETERS = (1, 3, 4, 5, 7)

ToneCurve = Callable[[np.ndarray], np.ndarray]


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
        return np.repeat(srgb_encoded(curve(pixels)), 3, axis=2)
    if space == "RGB" and _is_srgb(_transform(source, "RGB")):
        return pixels
    if not source.profile.is_matrix_shaper or (source.profile.clut is not None and source.profile.clut[INTENT][0]):
        raise ProfileError("its profile is based on tables, which are supported for 8-bit pictures only")
    curves = tone_curves(profile, "rTRC", "gTRC", "bTRC")
    linear = np.stack([curve(pixels[..., i]) for i, curve in enumerate(curves)], axis=2)
    matrix = np.linalg.solve(_colorants(open_profile(srgb_profile())), _colorants(source))
    return srgb_encoded(linear @ matrix.T.astype(np.float32))


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
        raise ProfileError(f"its colour profile cannot be used ({error})") from error


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


def srgb_encoded(linear: np.ndarray) -> np.ndarray:
    """Return the sRGB encoding (IEC 61966-2-1) of linear light, clipped to [0, 1]."""
    linear = np.clip(linear, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return encoded.astype(np.float32)


def linear_light(encoded: np.ndarray) -> np.ndarray:
    """Return the linear light of sRGB-encoded values in [0, 1]: the inverse of `srgb_encoded`."""
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def tone_curves(profile: bytes, *names: str) -> list[ToneCurve]:
    """Return the curves that the tags `names` ("rTRC", "kTRC", ...) of a profile hold.

    ICC.1:2022, 10.6 curveType and 10.18 parametricCurveType. Each takes an array of encoded values in [0, 1] and
    returns linear ones.

    Raises:
        ProfileError: a tag is missing or broken.
    """
    try:
        tags = _tags(profile)
        return [_curve(tags[name]) for name in names]
    except (KeyError, IndexError, struct.error, ValueError) as error:
        raise ProfileError(f"a tone curve of its colour profile is missing or broken ({error})") from error


def _tags(profile: bytes) -> dict[str, bytes]:
    (count,) = struct.unpack_from(">I", profile, HEADER_SIZE)
    entries = struct.iter_unpack(">4sII", profile[HEADER_SIZE + 4 : HEADER_SIZE + 4 + 12 * count])
    return {name.decode("latin-1"): profile[offset : offset + size] for name, offset, size in entries}


def _curve(tag: bytes) -> ToneCurve:
    if tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        values = struct.unpack_from(f">{PARAMETERS[kind]}i", tag, 12)
        return _parametric_curve(kind, [value / 65536 for value in values])
    if tag[:4] != b"curv":
        raise ValueError(f"type {tag[:4]!r}")
    (count,) = struct.unpack_from(">I", tag, 8)
    points = np.frombuffer(tag, ">u2", count, offset=12)
    if count == 0:
        return lambda x: x
    if count == 1:
        return lambda x: x ** (float(points[0]) / 256)
    return lambda x: np.interp(x, np.linspace(0, 1, count), points / 65535).astype(np.float32)


def _parametric_curve(kind: int, values: list[float]) -> ToneCurve:
    """Return the curve of all kinds: (a x + b)^g + e from d on, and c x + f below."""
    g, a, b, c, d, e, f = (*values, *[0.0] * (7 - len(values)))
    if kind == 0:
        a = 1.0
    elif kind in (1, 2):  # their fourth value is the constant; the bend stands where a x + b is 0
        c, d, e, f = 0.0, -b / a if a else np.inf, c, c

    def curve(x: np.ndarray) -> np.ndarray:
        return np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f).astype(np.float32)

    return curve
