"""Pictures whose power at every frequency is that of a texture, up to what chance explains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
from scipy import ndimage

from losses.pictures.opponent_colors import OPPONENT, OPPONENT_INVERSE, ROUNDING

# Rings of frequencies, up to half a cycle a pixel; of small pictures fewer.
RINGS = 64
# Standard deviations by which the power of a ring may be off by chance.
CHANCE = 1.5
# By which amplitudes are changed at most, and rings over which gains are smoothed (standard deviation). What is far off
# are lines of regular textures that lie at other frequencies. No gain moves them, and steep ones leave echoes of
# edges in flat places.
MAX_GAIN, SMOOTHING = 1.2, 1.0
# Rings that a picture must have room for.
MIN_RINGS = 8


def equalized(pictures: np.ndarray, sources: Sequence[np.ndarray], wraps: tuple[bool, bool]) -> np.ndarray:
    """Return pictures with gains for rings of frequencies that take them to the mean power of the sources there.

    The step of Portilla & Simoncelli 2000, "A Parametric Texture Model Based on Joint Statistics of Complex Wavelet
    Coefficients", and of Tartavel, Gousseau & Peyré 2015, "Variational Texture Synthesis with Sparsity and Spectrum
    Constraints", that gives a picture the amplitudes of its texture and leaves it its phases; here of luma and the
    colour differences, and of rings, since single amplitudes differ from patch to patch of a texture. A ring of n
    independent amplitudes has a logarithm of its mean power that is off by 1 / sqrt(n) by chance; CHANCE times that
    is left.

    Args:
        pictures: float32 (batch, height, width, 3).
        sources: float32 (height, width, 3) each, of one texture.
        wraps: whether the pictures repeat (vertically, horizontally); where not, they are continued by mirroring.

    Returns:
        float32, of the shape of `pictures`; some values may leave [0, 1] a little. Pictures that are too small for
        MIN_RINGS rings, or whose sources are, come back as they are.
    """
    rings = min(RINGS, *(side // 2 for picture in (pictures[0], *sources) for side in picture.shape[:2]))
    if rings < MIN_RINGS:
        return pictures
    result = np.zeros_like(pictures)
    for weights, colors in zip(OPPONENT.T, OPPONENT_INVERSE, strict=True):
        wanted = np.mean([radial_power(source @ weights, rings) for source in sources], axis=0)
        for picture, total in zip(pictures, result, strict=True):
            plane = picture @ weights
            total += filtered(plane, _gains(plane, wanted), wraps)[..., np.newaxis] * colors
    return result


def radial_power(plane: np.ndarray, rings: int) -> np.ndarray:
    """Return the mean power of a plane (height, width) under a Hann window in rings of frequencies, (rings,).

    Rings are 1 / (2 rings) cycles a pixel wide; higher frequencies, at the corners, are left out.
    """
    height, width = plane.shape
    window = np.outer(*(np.hanning(size + 1)[:-1] for size in plane.shape)).astype(np.float32)
    power = np.abs(scipy.fft.rfft2((plane - plane.mean()) * window)) ** 2 / np.sum(window**2)
    # Half of the frequencies stand for all.
    counts = np.full(power.shape, 2.0, np.float32)
    counts[:, 0] = 1
    if width % 2 == 0:
        counts[:, -1] = 1
    radii = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
    numbers = (radii * (2 * rings)).astype(np.int32).ravel()
    sums, shares = (np.bincount(numbers, values.ravel())[:rings] for values in (power * counts, counts))
    return sums / shares


def _gains(plane: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return what the amplitudes of a plane's rings are to be multiplied by."""
    rings = len(wanted)
    excess = np.log((radial_power(plane, rings) + ROUNDING) / (wanted + ROUNDING))
    # Half of a ring's amplitudes are the others' conjugates, and under the window two neighbours are about one.
    independent = 2 * np.pi * (np.arange(rings) + 0.5) * plane.size / (2 * rings) ** 2 / 4
    excess = np.sign(excess) * np.maximum(0, np.abs(excess) - CHANCE / np.sqrt(independent))
    gains = np.clip(-excess / 2, -np.log(MAX_GAIN), np.log(MAX_GAIN))
    return np.exp(ndimage.gaussian_filter1d(gains, SMOOTHING, mode="nearest"))


def filtered(plane: np.ndarray, gains: np.ndarray, wraps: tuple[bool, bool]) -> np.ndarray:
    """Return a plane (height, width) whose amplitudes are multiplied by gains, interpolated between their rings.

    The mean stays. A cosine transform is the Fourier transform of a plane that is continued by mirroring.
    """
    mean = plane.mean(dtype=np.float64).astype(np.float32)
    values, frequencies = plane - mean, []
    for axis, wrap in enumerate(wraps):
        size = plane.shape[axis]
        values = scipy.fft.fft(values, axis=axis) if wrap else scipy.fft.dct(values, axis=axis)
        frequencies.append(np.abs(np.fft.fftfreq(size)) if wrap else np.arange(size) / (2 * size))
    radii = np.hypot(frequencies[0][:, np.newaxis], frequencies[1])
    middles = (np.arange(len(gains)) + 0.5) / (2 * len(gains))
    values = values * np.interp(radii, middles, gains).astype(np.float32)
    for axis, wrap in enumerate(wraps):
        values = scipy.fft.ifft(values, axis=axis) if wrap else scipy.fft.idct(values, axis=axis)
    return values.real + mean
