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
    leaves every window its freedom; and it is compared by its logarithm, so that the weak high frequencies count as
    much as the strong low ones.

    Args:
        target: P*, as `power_spectrum` gives it, of all planes: (window, window // 2 + 1, planes), or one of each
            picture, (batch, window, window // 2 + 1, planes).
        wraps: whether the pictures repeat (vertically, horizontally).
    """

    def __init__(self, target: np.ndarray, wraps: tuple[bool, bool] = (False, False)) -> None:
        self.target = np.asarray(target, np.float32)
        self.wraps = wraps
        self.window = self.target.shape[-3]

    @property
    def rows(self) -> list[np.ndarray]:
        """The target."""
        return [self.target]

    def terms(self, images: Any, *rows: Any) -> dict[str, Any]:
        """Return the one nameless term, of planes (batch, height, width, planes): the mean over the batch."""
        (target,) = rows or self.rows
        found = power_spectrum(images, self.window, self.wraps)
        return {"": self.distance(found, ops.convert_to_tensor(target, dtype=found.dtype))}

    def distance(self, power: Any, target: Any) -> Any:
        """Return the mean over the batch of what power (batch, window, window // 2 + 1, planes) is off its target."""
        squares = ops.square(_logarithm(power) - _logarithm(target))
        return ops.mean(ops.sum(squares, axis=(1, 2, 3))) / np.prod(self.target.shape[-3:])

    def tree(self) -> Node:
        """Return a leaf."""
        return Node(f"log power spectrum in windows of {self.window} pixels, mean squared difference")


def power_spectrum(planes: Any, window: int, wraps: tuple[bool, bool] = (False, False)) -> Any:
    """Return the mean power of windows, (batch, window, window // 2 + 1, planes).

    Windows overlap by half and are weighted by Hann's; each lies within the planes, or where they wrap anywhere. The
    sum over all frequencies is about the mean square of the pixels.

    Args:
        planes: (batch, height, width, planes), at least `window` a side.
        window: pixels, even.
        wraps: whether the planes repeat (vertically, horizontally).
    """
    rows, columns = (window_places(size, window, wrap) for size, wrap in zip(planes.shape[1:3], wraps, strict=True))
    pixels = ops.take(centred(planes), rows.ravel(), axis=1)
    strips = ops.reshape(pixels, (planes.shape[0], *rows.shape, *planes.shape[2:]))
    return power_of_windows(strips, columns) / (len(rows) * len(columns))


def centred(planes: Any) -> Any:
    """Return planes (batch, height, width, planes) without their means."""
    return planes - ops.mean(planes, axis=(1, 2), keepdims=True)


def power_of_windows(strips: Any, columns: np.ndarray) -> Any:
    """Return the sum of the power of windows, (batch, window, window // 2 + 1, planes).

    Args:
        strips: (batch, strips, window, width, planes), the rows of windows that lie side by side.
        columns: (windows, window), those of each window.
    """
    batch, count, window, _, planes = strips.shape
    pixels = ops.reshape(ops.take(strips, columns.ravel(), axis=3), (batch, count, window, *columns.shape, planes))
    hann = np.hanning(window + 1)[:-1]
    weights = ops.convert_to_tensor(np.outer(hann, hann) / np.sqrt(np.sum(hann**2) ** 2), dtype=pixels.dtype)
    # (batch, rows of windows, columns of windows, planes, window, window)
    windows = ops.transpose(pixels, (0, 1, 3, 5, 2, 4)) * weights
    real, imaginary = ops.fft(tuple(ops.swapaxes(part, -1, -2) for part in ops.rfft(windows)))
    power = ops.sum(ops.square(real) + ops.square(imaginary), axis=(1, 2))
    return ops.transpose(power, (0, 3, 2, 1))


def joined_spectrum(sources: Sequence[np.ndarray], window: int) -> np.ndarray:
    """Return the mean spectrum (window, window // 2 + 1, 3) of luma and colour differences of several sources."""
    planes = (opponent_colors(ops.convert_to_tensor(source[np.newaxis])) for source in sources)
    spectra = (power_spectrum(picture, window) for picture in planes)
    return np.mean([ops.convert_to_numpy(spectrum)[0] for spectrum in spectra], axis=0)


def window_of(sizes: Sequence[tuple[int, int]]) -> int:
    """Return the largest even window, up to WINDOW, that pictures of these (height, width) have room for."""
    return max(2, min(WINDOW, *(side // 2 * 2 for size in sizes for side in size)))


def window_places(size: int, window: int, wrap: bool) -> np.ndarray:
    """Return the pixels of every window along an axis, (windows, window)."""
    last = size if wrap else max(0, size - window)
    count = max(1, -(-last // (window // 2)) + (not wrap))
    starts = np.round(np.linspace(0, last, count, endpoint=not wrap)).astype(int)
    return (starts[:, np.newaxis] + np.arange(window)) % size


def _logarithm(power: Any) -> Any:
    return ops.log(power + ROUNDING)
