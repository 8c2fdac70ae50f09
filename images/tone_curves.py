"""The tone curves of an ICC profile (ICC.1:2022, 10.6 curveType and 10.18 parametricCurveType)."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from images.errors import ProfileError

ToneCurve = Callable[[np.ndarray], np.ndarray]

HEADER_SIZE = 128
# How many parameters each kind of parametric curve has.
PARAMETERS = (1, 3, 4, 5, 7)


def tone_curves(profile: bytes, *names: str) -> list[ToneCurve]:
    """Return the curves that the tags `names` ("rTRC", "kTRC", ...) of a profile hold.

    Each takes an array of encoded values in [0, 1] and returns linear ones.

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
