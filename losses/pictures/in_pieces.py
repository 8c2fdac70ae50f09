"""Losses of single planes of large pictures: value and gradient piece by piece, in the memory of a few copies of one.

What autodiff would keep of a whole plane (every window, every sorted value with its place, every transform) is computed
for one piece after another: the statistics first, then the gradient by them. Between the pieces planes lie in the
host's memory, as maps do between the blocks of a descriptor in strips.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from keras import ops
from scipy import ndimage

from losses.loss import Loss, path, shared_out
from losses.octaves import OctaveLosses
from losses.pictures.autocorrelation import Autocorrelation
from losses.pictures.histograms import Histograms
from losses.pictures.opponent_colors import OPPONENT, ROUNDING
from losses.pictures.power_spectrum import PowerSpectrum, centred, power_of_windows, window_places
from losses.pyramid import PyramidPadding, expand, reduce
from optimize.value_and_grad import Evaluation, compile_function, compile_value_and_grad

# Terms by name, and the gradient by a plane (batch, height, width, 1).
Found = tuple[dict[str, float], np.ndarray]
# From a plane and the constants that the loss has for it.
EvaluatePlane = Callable[..., Found]

# Values of a plane that are worked on at once, about.
PIECE = 500_000


def compile_plane(loss: Loss) -> EvaluatePlane:
    """Return the compiled loss and gradient of one plane, float32 (batch, height, width, 1).

    Args:
        loss: of planes: a power spectrum, histograms, an autocorrelation, or octaves of them.

    Raises:
        TypeError: it is another loss.
    """
    if isinstance(loss, OctaveLosses):
        return _Octaves(loss)
    if isinstance(loss, Histograms):
        return _Histograms(loss)
    if isinstance(loss, PowerSpectrum):
        return _Spectrum(loss)
    if isinstance(loss, Autocorrelation):
        return functools.partial(_autocorrelation, loss)
    raise TypeError(f"no loss of single planes: {type(loss).__name__}")


class _Pyramid:
    """The levels of a plane's pyramids, one after another, and gradients by them as one by the plane.

    Args:
        padding: of the pyramid.
    """

    def __init__(self, padding: PyramidPadding) -> None:
        self.halve = compile_function(lambda fine: reduce(fine, padding))
        self.double = compile_function(
            lambda fine, coarse: fine - expand(coarse, fine.shape[1], fine.shape[2], padding)
        )
        self._from_level = compile_value_and_grad(lambda fine, slopes: (ops.sum(reduce(fine, padding) * slopes), {}))
        self._from_band = compile_value_and_grad(
            lambda coarse, slopes: (-ops.sum(expand(coarse, slopes.shape[1], slopes.shape[2], padding) * slopes), {})
        )

    def levels(self, plane: np.ndarray, count: int) -> list[np.ndarray]:
        """Return `count` Gaussian levels, the plane first."""
        levels = [plane]
        while len(levels) < count:
            levels.append(_numpy(self.halve(levels[-1])))
        return levels

    def band(self, fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
        """Return what a level has beside the next one."""
        return _numpy(self.double(fine, coarse))

    def by_coarse(self, coarse: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """Return the gradient by a level of the sum of the band above it, weighted by `slopes`."""
        return _numpy(self._from_band(coarse, slopes).gradient)

    def gradient(self, levels: Sequence[np.ndarray], gradients: list[np.ndarray]) -> np.ndarray:
        """Return the gradient by the plane; those by the levels are used up."""
        total = gradients.pop()
        for level in reversed(levels[:-1]):
            total = _numpy(self._from_level(level, total).gradient)
            total += gradients.pop()
        return total


class _Octaves:
    """Losses of the Gaussian levels of a plane."""

    def __init__(self, loss: OctaveLosses) -> None:
        self.losses = loss.losses
        self.octaves = [compile_plane(octave) for octave in loss.losses]
        self.pyramid = _Pyramid(loss.padding)

    def __call__(self, plane: np.ndarray, *rows: np.ndarray) -> Found:
        levels = self.pyramid.levels(plane, len(self.octaves))
        shares = shared_out(rows, self.losses)
        found = [octave(level, *own) for octave, level, own in zip(self.octaves, levels, shares, strict=True)]
        terms = {path(f"octave{i}", name): value for i, (named, _) in enumerate(found) for name, value in named.items()}
        gradients = [gradient for _, gradient in found]
        del found
        return terms, self.pyramid.gradient(levels, gradients)


class _Histograms:
    """Distances of the sorted values of a plane and of its bands, one after another."""

    def __init__(self, loss: Histograms) -> None:
        self.pyramid = _Pyramid(loss.padding)

    def __call__(self, plane: np.ndarray, *targets: np.ndarray) -> Found:
        colors, gradient = _distance_of_ranks(plane, targets[0])
        terms = {"colors": colors}
        levels = self.pyramid.levels(plane, len(targets))
        gradients = [gradient, *map(np.zeros_like, levels[1:])]
        for i, target in enumerate(targets[1:]):
            terms[f"band{i}"], slopes = _distance_of_ranks(self.pyramid.band(*levels[i : i + 2]), target)
            gradients[i] += slopes
            gradients[i + 1] += self.pyramid.by_coarse(levels[i + 1], slopes)
        del gradient
        return terms, self.pyramid.gradient(levels, gradients)


def _distance_of_ranks(plane: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Return what a plane adds to the distance from quantiles (QUANTILES, 1), and the gradient by it."""
    count, known = plane[0].size, len(target)
    scale = 1 / (plane.size * (float(np.var(target)) + ROUNDING) * len(OPPONENT))
    gradient, total = np.empty_like(plane), 0.0
    for values, slopes in zip(plane.reshape(-1, count), gradient.reshape(-1, count), strict=True):
        order = np.argsort(values, kind="stable")
        for start in range(0, count, PIECE):
            ranks = order[start : start + PIECE]
            places = (np.arange(start, start + len(ranks)) + 0.5) * (known / count) - 0.5
            differences = values[ranks] - np.interp(places, np.arange(known), target[:, 0])
            total += float(np.sum(np.square(differences)))
            slopes[ranks] = 2 * scale * differences
    return scale * total, gradient


class _Spectrum:
    """The power of a plane's windows, a row of them after another."""

    def __init__(self, loss: PowerSpectrum) -> None:
        self.wraps = loss.wraps
        self._compiled = functools.cache(self._compile)
        self.window = loss.window
        self.distance = compile_value_and_grad(lambda power, target: (loss.distance(power, target), {}))

    def __call__(self, plane: np.ndarray, target: np.ndarray) -> Found:
        rows, columns = (
            window_places(size, self.window, wrap) for size, wrap in zip(plane.shape[1:3], self.wraps, strict=True)
        )
        powers, by_strips = self._compiled(plane.shape[2])
        pixels = _numpy(centred(ops.convert_to_tensor(plane)))
        at_once = max(1, PIECE // (plane.shape[0] * self.window * plane.shape[2]))
        pieces = [rows[start : start + at_once] for start in range(0, len(rows), at_once)]
        # Of every window that is there.
        share = np.float32(1 / (len(rows) * len(columns)))
        power = share * sum(_numpy(powers(pixels[:, piece])) for piece in pieces)
        evaluation = self.distance(power, target)
        slopes = share * _numpy(evaluation.gradient)
        gradient = np.zeros_like(pixels)
        for piece in pieces:
            found = _numpy(by_strips(pixels[:, piece], slopes).gradient)
            for i, places in enumerate(piece):  # windows overlap, but no row is twice in one
                gradient[:, places] += found[:, i]
        gradient -= gradient.mean(axis=(1, 2), keepdims=True)
        return {"": float(_numpy(evaluation.loss))}, gradient

    def _compile(self, width: int) -> tuple[Callable[..., Any], Callable[..., Evaluation]]:
        """Return the power of rows of windows, and the gradient by them of it, weighted."""
        columns = window_places(width, self.window, self.wraps[1])

        def powers(strips: Any) -> Any:
            return power_of_windows(strips, columns)

        weighted = compile_value_and_grad(lambda strips, slopes: (ops.sum(powers(strips) * slopes), {}))
        return compile_function(powers), weighted


def _autocorrelation(loss: Autocorrelation, plane: np.ndarray, target: np.ndarray) -> Found:
    """Return loss and gradient: products at each shift, and what is as a convolution with its slopes."""
    top, left = loss.margins
    inside = plane[:, top : plane.shape[1] - top, left : plane.shape[2] - left, 0]
    values = inside - inside.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
    reach = target.shape[1] - 1
    lags = np.abs(np.arange(-reach, reach + 1))
    down, right = (side - lags * (not wrap) for side, wrap in zip(values.shape[1:], loss.wraps, strict=True))
    counts = np.outer(down, right[reach:])
    covariances = _products(values, reach, loss.wraps) / counts
    differences = covariances - target[..., 0]
    slopes = 2 * differences / (len(plane) * loss.scale * counts)
    gradient = np.zeros_like(plane)
    for values_of_one, slopes_of_one, total in zip(values, slopes, gradient, strict=True):
        kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
        kernel[:, reach:] += slopes_of_one
        kernel[:, : reach + 1] += slopes_of_one[::-1, ::-1]
        found = np.empty_like(values_of_one)
        for first, around in _with_surroundings(values_of_one[np.newaxis], reach, loss.wraps):
            sums = ndimage.correlate(around[0], kernel, mode="constant")[reach:-reach, reach:-reach]
            found[first : first + len(sums)] = sums
        found -= found.mean(dtype=np.float64).astype(np.float32)
        total[top : plane.shape[1] - top, left : plane.shape[2] - left, 0] = found
    return {"": float(np.sum(np.square(differences))) / (len(plane) * loss.scale)}, gradient


def _products(values: np.ndarray, reach: int, wraps: tuple[bool, bool]) -> np.ndarray:
    """Return the sums of products of values (batch, height, width) and those that lie up to `reach` away.

    Returns:
        float64 (batch, 2 * reach + 1, reach + 1), as `correlations` has its shifts.
    """
    total = np.zeros((len(values), 2 * reach + 1, reach + 1))
    for _, around in _with_surroundings(values, reach, wraps):
        height, width = (side - 2 * reach for side in around.shape[1:])
        here = around[:, reach : reach + height, reach : reach + width]
        for down in range(2 * reach + 1):
            for right in range(reach + 1):
                shifted = around[:, down : down + height, reach + right : reach + right + width]
                total[:, down, right] += np.einsum("bij,bij->b", here, shifted)
    return total


def _with_surroundings(values: np.ndarray, reach: int, wraps: tuple[bool, bool]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield strips of values (batch, height, width) in float64, and the first row of each.

    At each side they have `reach` rows and columns more: of the other side where the values wrap, else zeros.
    """
    height, width = values.shape[1:]
    rows, columns = (np.arange(-reach, side + reach) for side in (height, width))
    step = max(1, PIECE // (width * len(values)))
    for first in range(0, height, step):
        seen = rows[first : first + step + 2 * reach]
        around = values[:, seen % height][:, :, columns % width].astype(np.float64)
        if not wraps[0]:
            around[:, (seen < 0) | (seen >= height)] = 0
        if not wraps[1]:
            around[:, :, (columns < 0) | (columns >= width)] = 0
        yield first, around


def _numpy(tensor: Any) -> np.ndarray:
    """Return a tensor as an array that may be written to."""
    return np.require(ops.convert_to_numpy(tensor), requirements="W")
