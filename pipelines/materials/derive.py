"""Estimating missing maps from a photo: height from luminance, normals from height, roughness from both.

A photo does not tell shape: dark is taken for deep, as it is in cracks and gaps. A dark vein in a flat stone becomes a
crack too. The light must come from everywhere; shadows of a low sun become relief.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from images.color_profiles import linear_light
from pipelines.materials.neighbourhoods import Wraps
from pipelines.materials.surface import Maps, of_role

# Relative luminance of the colours' primaries, ITU-R BT.709; and what is added before the logarithm.
LUMINANCE, DARKEST = np.array([0.2126, 0.7152, 0.0722]), 0.01
# Standard deviations in pixels of the scales at which luminance is looked at.
SCALES = (0.7, 1.4, 2.8, 5.6, 11.2)
# What a blur of this share of the shorter side leaves is taken for the light's, not the surface's.
SHADING_SHARE = 1 / 6
# Slopes above so many times their root mean square are edges of colours rather than cliffs; they are held back.
MAX_SLOPE = 2.0
# Share of the pixels at each end of a height that is cut off.
CUT = 0.005
# Root mean square of the slopes of derived normals.
RELIEF = 0.4
# Of a guessed roughness: of what lies low, how much less what lies high has, how much more grain adds; and its least.
ROUGH, WORN, GRAINY, LEAST = 0.85, 0.35, 0.1, 0.2


def derived(maps: Maps, names: Sequence[str], wraps: Wraps) -> dict[str, np.ndarray]:
    """Return guesses of some maps, float32 (height, width, 1 or 3) in [0, 1] by name.

    Args:
        maps: with a base colour, or a height where the normal alone is wanted.
        names: of DERIVABLE.
        wraps: whether the maps repeat (vertically, horizontally).
    """
    known = of_role(maps, "height")
    height = height_of(_base(maps), wraps) if known is None else known
    makers = {
        "height": lambda: height,
        "normal": lambda: normal_of(height, wraps),
        # A height that was given may be in any unit, and begin anywhere.
        "roughness": lambda: roughness_of(_base(maps), height if known is None else _in_full_range(known), wraps),
    }
    return {name: makers[name]() for name in names}


def _base(maps: Maps) -> np.ndarray:
    base = of_role(maps, "baseColor")
    if base is None:
        raise ValueError("there is no base colour")
    return base


def height_of(base: np.ndarray, wraps: Wraps) -> np.ndarray:
    """Return a height (height, width, 1) in [0, 1] from a base colour (height, width, 3).

    The logarithm of luminance, without its slow changes, which are shading, is differentiated at several scales. The
    mean of these slopes, the strongest of them held back, is integrated: the height whose slopes are nearest to them
    in least squares, by Fourier transform (Frankot & Chellappa 1988, "A Method for Enforcing Integrability in Shape
    from Shading Algorithms").
    """
    tone = _unshaded(np.log(linear_light(base) @ LUMINANCE + DARKEST), wraps)
    slopes = np.zeros((2, *tone.shape))
    for scale in SCALES:
        slopes += np.stack(_slopes(_blurred(tone, scale, wraps), wraps)) / len(SCALES)
    largest = MAX_SLOPE * np.sqrt(np.square(slopes).sum(axis=0).mean()) + 1e-12
    down, right = largest * np.tanh(slopes / largest)
    height = _unshaded(integrated(down, right, wraps), wraps)
    return _in_full_range(height)[..., np.newaxis]


def _in_full_range(height: np.ndarray) -> np.ndarray:
    """Return a height as float32 that uses the range [0, 1]; a flat one is 0.5."""
    low, high = np.quantile(height, [CUT, 1 - CUT])
    if high - low < 1e-9:
        return np.full(height.shape, 0.5, np.float32)
    return np.clip((height - low) / (high - low), 0, 1).astype(np.float32)


def integrated(down: np.ndarray, right: np.ndarray, wraps: Wraps) -> np.ndarray:
    """Return the height, mean 0, whose slopes are nearest to those given, both (height, width).

    Args:
        down: by how much the height grows from the row before to the row after, over two.
        right: the same of columns.
        wraps: whether it repeats (vertically, horizontally); axes that do not are continued by their mirror image.
    """
    size = down.shape
    for axis, wrap in enumerate(wraps):
        if not wrap:
            signs = [-1 if axis == i else 1 for i in (0, 1)]
            down, right = (
                np.concatenate([slope, sign * np.flip(slope, axis)], axis=axis)
                for slope, sign in zip((down, right), signs, strict=True)
            )
    waves = [1j * np.sin(2 * np.pi * np.fft.fftfreq(side)) for side in down.shape]
    rows, columns = waves[0][:, np.newaxis], waves[1][np.newaxis]
    power = np.abs(rows) ** 2 + np.abs(columns) ** 2
    # Waves of two pixels have no slopes there.
    spectrum = np.conj(rows) * np.fft.fft2(down) + np.conj(columns) * np.fft.fft2(right)
    spectrum = np.where(power > 1e-6, spectrum / np.maximum(power, 1e-6), 0)
    return np.real(np.fft.ifft2(spectrum))[: size[0], : size[1]]


def normal_of(height: np.ndarray, wraps: Wraps) -> np.ndarray:
    """Return encoded normals (height, width, 3), green up (OpenGL), of a height (height, width, 1).

    How high the relief is, no file tells: slopes have the root mean square RELIEF.
    """
    down, right = _slopes(height[..., 0].astype(np.float64), wraps)
    steepness = np.sqrt(np.mean(down**2 + right**2))
    factor = RELIEF / steepness if steepness > 1e-9 else 0.0
    vectors = np.dstack([-factor * right, factor * down, np.ones_like(down)])
    unit = vectors / np.linalg.norm(vectors, axis=2, keepdims=True)
    return ((unit + 1) / 2).astype(np.float32)


def roughness_of(base: np.ndarray, height: np.ndarray, wraps: Wraps) -> np.ndarray:
    """Return a roughness (height, width, 1): what lies high is worn smooth, what is grainy is rougher.

    Args:
        base: base colour (height, width, 3).
        height: (height, width, 1) in [0, 1].
        wraps: whether the maps repeat (vertically, horizontally).
    """
    tone = linear_light(base) @ LUMINANCE
    grain = np.sqrt(_blurred(np.square(tone - _blurred(tone, SCALES[1], wraps)), SCALES[3], wraps))
    relative = grain / max(1e-9, float(grain.mean())) - 1
    rough = ROUGH - WORN * height[..., 0] + GRAINY * np.clip(relative, -1, 1)
    return np.clip(rough, LEAST, 1).astype(np.float32)[..., np.newaxis]


def _unshaded(values: np.ndarray, wraps: Wraps) -> np.ndarray:
    """Return (height, width) without its slow changes."""
    return values - _blurred(values, SHADING_SHARE * min(values.shape), wraps)


def _blurred(values: np.ndarray, deviation: float, wraps: Wraps) -> np.ndarray:
    return gaussian_filter(values, deviation, mode=["wrap" if wrap else "reflect" for wrap in wraps])


def _slopes(values: np.ndarray, wraps: Wraps) -> list[np.ndarray]:
    """Return half the difference of the pixels before and after each, along both axes."""
    slopes = []
    for axis, wrap in enumerate(wraps):
        widths = [(1, 1) if axis == i else (0, 0) for i in (0, 1)]
        more = np.pad(values, widths, mode="wrap" if wrap else "edge")
        slopes.append((np.roll(more, -1, axis) - np.roll(more, 1, axis)).take(range(1, more.shape[axis] - 1), axis) / 2)
    return slopes
