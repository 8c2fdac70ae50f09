"""Texture as a power spectrum: how strong every frequency is, in every direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from losses.loss import Loss, Node
from losses.pictures.opponent_colors import ROUNDING, opponent_colors

# Pixels of a window along each axis, at most.
WINDOW = 64


class PowerSpectrum(Loss):
    """The squared difference of log power spectra, (ln P - ln P*)^2, the mean over frequencies and colours.

    Liu, Gousseau & Xia 2016, "Texture Synthesis Through Convolutional Neural Networks and Spectrum Constraints", and
    Gonthier, Gousseau & Ladjal 2022, "High-Resolution Neural Texture Synthesis with Long-Range Constraints", keep a
    picture near those that have the modulus of the source's Fourier transform. That modulus is of one size, and with
    its phase it is the source. Here it is the mean over overlapping windows (Welch 1967), which asks for no size and
    leaves every window its freedom, of luma and colour differences each; and it is compared by its logarithm, so that
    the weak high frequencies count as much as the strong low ones.

    Args:
        target: P*, as `power_spectrum` gives it.
        wraps: whether the pictures repeat (vertically, horizontally).
    """

    def __init__(self, target: np.ndarray, wraps: tuple[bool, bool] = (False, False)) -> None:
        self.target = np.asarray(target, np.float32)
        self.wraps = wraps

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the one nameless term, the mean over the images."""
        found = power_spectrum(images, len(self.target), self.wraps)
        wanted = ops.convert_to_tensor(self.target, dtype=found.dtype)
        return {"": ops.mean(ops.square(_logarithm(found) - _logarithm(wanted)))}

    def tree(self) -> Node:
        """Return a leaf."""
        return Node(f"log power spectrum in windows of {len(self.target)} pixels, mean squared difference")


def power_spectrum(images: Any, window: int, wraps: tuple[bool, bool] = (False, False)) -> Any:
    """Return the mean power of windows, (batch, window, window // 2 + 1, 3), of luma and colour differences.

    Windows overlap by half and are weighted by Hann's; each lies within the images, or where they wrap anywhere. The
    sum over all frequencies is about the mean square of the pixels.

    Args:
        images: (batch, height, width, 3), at least `window` a side.
        window: pixels, even.
        wraps: whether the images repeat (vertically, horizontally).
    """
    colors = opponent_colors(images)
    colors = colors - ops.mean(colors, axis=(1, 2), keepdims=True)
    for axis, wrap in zip((1, 3), wraps, strict=True):
        places = _places(colors.shape[axis], window, wrap)
        colors = ops.reshape(
            ops.take(colors, places.ravel(), axis=axis),
            (*colors.shape[:axis], *places.shape, *colors.shape[axis + 1 :]),
        )
    hann = np.hanning(window + 1)[:-1]
    weights = ops.convert_to_tensor(np.outer(hann, hann) / np.sqrt(np.sum(hann**2) ** 2), dtype=colors.dtype)
    # (batch, rows of windows, columns of windows, colours, window, window)
    windows = ops.transpose(colors, (0, 1, 3, 5, 2, 4)) * weights
    real, imaginary = ops.fft2((windows, ops.zeros_like(windows)))
    power = ops.mean(ops.square(real) + ops.square(imaginary), axis=(1, 2))
    return ops.transpose(power[..., : window // 2 + 1], (0, 2, 3, 1))


def joined_spectrum(sources: Sequence[np.ndarray], window: int) -> np.ndarray:
    """Return the mean spectrum (window, window // 2 + 1, 3) of several sources (height, width, 3)."""
    spectra = (power_spectrum(ops.convert_to_tensor(source[np.newaxis]), window) for source in sources)
    return np.mean([ops.convert_to_numpy(spectrum)[0] for spectrum in spectra], axis=0)


def window_of(sizes: Sequence[tuple[int, int]]) -> int:
    """Return the largest even window, up to WINDOW, that pictures of these (height, width) have room for."""
    return max(2, min(WINDOW, *(side // 2 * 2 for size in sizes for side in size)))


def _places(size: int, window: int, wrap: bool) -> np.ndarray:
    """Return the pixels of every window along an axis, (windows, window)."""
    last = size if wrap else max(0, size - window)
    count = max(1, -(-last // (window // 2)) + (not wrap))
    starts = np.round(np.linspace(0, last, count, endpoint=not wrap)).astype(int)
    return (starts[:, np.newaxis] + np.arange(window)) % size


def _logarithm(power: Any) -> Any:
    return ops.log(power + ROUNDING)
