"""Operations over all rows, such as normalisation: partial sums of each strip, and the result of the whole picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from layers import native
from strips.graph import Call
from strips.rows import maps_of

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Moments:
    """Sums over all pixels of each channel, in float64.

    Attributes:
        count: number of pixels.
        mean: (channels,).
        squares: sum of squared differences from the mean (channels,).
    """

    count: int
    mean: np.ndarray
    squares: np.ndarray

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of both together (Chan, Golub & LeVeque 1979)."""
        count = self.count + other.count
        difference = other.mean - self.mean
        mean = self.mean + difference * (other.count / count)
        squares = self.squares + other.squares + difference**2 * (self.count * other.count / count)
        return Moments(count, mean, squares)

    def grouped(self, groups: int) -> Moments:
        """Return the moments of groups of neighbouring channels, for each channel its group's."""
        means, squares = (values.reshape(groups, -1) for values in (self.mean, self.squares))
        size = means.shape[1]
        mean = means.mean(axis=1)
        total = squares.sum(axis=1) + self.count * ((means - mean[:, None]) ** 2).sum(axis=1)
        return Moments(self.count * size, np.repeat(mean, size), np.repeat(total, size))

    @property
    def variance(self) -> np.ndarray:
        """The biased variance."""
        return self.squares / self.count


@dataclass(frozen=True)
class Exponentials:
    """For a softmax over all pixels of each channel.

    Attributes:
        largest: the maximum (channels,).
        total: sum of exp(x - largest) (channels,).
    """

    largest: np.ndarray
    total: np.ndarray

    def __add__(self, other: Exponentials) -> Exponentials:
        """Return those of both together."""
        largest = np.maximum(self.largest, other.largest)
        total = self.total * np.exp(self.largest - largest) + other.total * np.exp(other.largest - largest)
        return Exponentials(largest, total)


@dataclass(frozen=True)
class Extremes:
    """The largest and the smallest value of each channel (channels,)."""

    largest: np.ndarray
    smallest: np.ndarray

    def __add__(self, other: Extremes) -> Extremes:
        """Return those of both together."""
        return Extremes(np.maximum(self.largest, other.largest), np.minimum(self.smallest, other.smallest))

    def grouped(self, groups: int) -> Extremes:
        """Return those of groups of neighbouring channels, for each channel its group's."""
        largest, smallest = (values.reshape(groups, -1) for values in (self.largest, self.smallest))
        size = largest.shape[1]
        return Extremes(np.repeat(largest.max(axis=1), size), np.repeat(smallest.min(axis=1), size))


def moments(strip: Any) -> tuple[Any, Any]:
    """Return the mean and the variance of each channel of a strip."""
    return native.moments(ops.cast(strip, "float32"), _plain_moments)


def _plain_moments(strip: Any) -> tuple[Any, Any]:
    """Return `moments` of rows first, which keeps sums exact."""
    mean = ops.mean(ops.mean(strip[0], axis=1), axis=0)
    return mean, ops.mean(ops.mean(ops.square(strip[0] - mean), axis=1), axis=0)


def exponentials(strip: Any) -> tuple[Any, Any]:
    """Return the maximum of each channel of a strip, and the sum of the exponentials of the differences from it."""
    x = ops.cast(strip[0], "float32")
    largest = ops.max(x, axis=(0, 1))
    return largest, ops.sum(ops.sum(ops.exp(x - largest), axis=1), axis=0)


def extremes(strip: Any) -> tuple[Any, Any]:
    """Return the largest and the smallest value of each channel of a strip."""
    x = ops.cast(strip[0], "float32")
    return ops.max(x, axis=(0, 1)), ops.min(x, axis=(0, 1))


@dataclass(frozen=True)
class Reduction:
    """A call that needs numbers of all rows of its map.

    Attributes:
        partial: from a strip (1, rows, width, channels) to two tensors (channels,).
        sum_up: from the two arrays, in float64, and the strip's pixels to what `+` joins with other strips'.
        finish: from what is joined to the numbers that `apply` takes; where the call returns no map, to its outputs.
        apply: from a strip and those numbers to the strip of the output; None: the output is no map.
    """

    partial: Callable[[Any], tuple[Any, Any]]
    sum_up: Callable[[np.ndarray, np.ndarray, int], Any]
    finish: Callable[[Any], Arrays]
    apply: Callable[..., Any] | None = None


def _moments(mean: np.ndarray, variance: np.ndarray, pixels: int) -> Moments:
    return Moments(pixels, mean, variance * pixels)


def _exponentials(largest: np.ndarray, total: np.ndarray, pixels: int) -> Exponentials:
    return Exponentials(largest, total)


def _extremes(largest: np.ndarray, smallest: np.ndarray, pixels: int) -> Extremes:
    return Extremes(largest, smallest)


MAKERS: dict[str, Callable[[Call], Reduction | None]] = {}


def find_reduction(call: Call) -> Reduction | None:
    """Return how a call that looks at all rows is put together from strips, or None where it cannot be."""
    maker = MAKERS.get(type(call.operation).__name__)
    return None if maker is None else maker(call)


def _reduction(*names: str) -> Callable[[Callable[[Call], Reduction | None]], Callable[[Call], Reduction | None]]:
    def register(maker: Callable[[Call], Reduction | None]) -> Callable[[Call], Reduction | None]:
        MAKERS.update(dict.fromkeys(names, maker))
        return maker

    return register


@_reduction("InstanceNormalization", "BatchStatisticsNormalization")
def _instance_normalization(call: Call) -> Reduction | None:
    return _normalization(call, groups=None)


@_reduction("GroupNormalization")
def _group_normalization(call: Call) -> Reduction | None:
    layer, channels = call.operation, call.outputs[0].shape[-1]
    return _normalization(call, groups=channels if layer.groups == -1 else layer.groups) if _last(layer.axis) else None


@_reduction("PictureNormalization")
def _picture_normalization(call: Call) -> Reduction | None:
    return _normalization(call, groups=1)


@_reduction("LayerNormalization")
def _layer_normalization(call: Call) -> Reduction | None:
    axes = call.operation.axis
    axes = {axis % 4 for axis in (axes if isinstance(axes, list | tuple) else [axes])}
    plain = call.operation.gamma is None and call.operation.beta is None
    return _normalization(call, groups={3: 1, 2: None}[len(axes)]) if axes in ({1, 2, 3}, {1, 2}) and plain else None


def _last(axis: int) -> bool:
    return axis in (-1, 3)


def _normalization(call: Call, *, groups: int | None) -> Reduction:
    layer = call.operation

    def finish(found: Moments) -> Arrays:
        found = found if groups is None else found.grouped(groups)
        factor = 1 / np.sqrt(found.variance + layer.epsilon)
        if layer.gamma is not None:
            factor = factor * _numbers(layer.gamma)
        offset = np.zeros_like(factor) if layer.beta is None else _numbers(layer.beta)
        return found.mean, factor, offset

    return Reduction(moments, _moments, finish, normalize)


def _numbers(variable: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable).astype(np.float64)


def normalize(strip: Any, mean: Any, factor: Any, offset: Any) -> Any:
    """Return (strip - mean) * factor + offset in float32, in the strip's type."""
    outputs = native.normalize_channels(ops.cast(strip, "float32"), mean, factor, offset, _plain_normalize)
    return ops.cast(outputs, strip.dtype)


def _plain_normalize(strip: Any, mean: Any, factor: Any, offset: Any) -> Any:
    return (strip - mean) * factor + offset


@_reduction("GlobalAveragePooling2D", "AdaptiveAveragePooling2D")
def _global_mean(call: Call) -> Reduction | None:
    return Reduction(moments, _moments, _shaped(call, lambda found: found.mean)) if _pools_all(call) else None


@_reduction("GlobalMaxPooling2D", "AdaptiveMaxPooling2D")
def _global_maximum(call: Call) -> Reduction | None:
    return Reduction(extremes, _extremes, _shaped(call, lambda found: found.largest)) if _pools_all(call) else None


@_reduction("AdaptivePooling2D")
def _adaptive_pooling(call: Call) -> Reduction | None:
    return _global_maximum(call) if call.operation.mode == "max" else _global_mean(call)


def _pools_all(call: Call) -> bool:
    layer = call.operation
    is_last = getattr(layer, "data_format", "channels_last") == "channels_last"
    return is_last and tuple(getattr(layer, "output_size", (1, 1))) == (1, 1)


# Of a reduction by keras.ops.
STATISTICS: dict[str, tuple[Any, Any, Callable[[Any], np.ndarray]]] = {
    "Mean": (moments, _moments, lambda found: found.mean),
    "Sum": (moments, _moments, lambda found: found.mean * found.count),
    "Var": (moments, _moments, lambda found: found.variance),
    "Std": (moments, _moments, lambda found: np.sqrt(found.variance)),
    "Max": (extremes, _extremes, lambda found: found.largest),
    "Min": (extremes, _extremes, lambda found: found.smallest),
}
STATISTICS |= {"Amax": STATISTICS["Max"], "Amin": STATISTICS["Min"]}


@_reduction(*STATISTICS)
def _statistic(call: Call) -> Reduction | None:
    partial, sum_up, value = STATISTICS[type(call.operation).__name__]
    return _over_all_rows(call, call.operation.axis, partial, sum_up, value)


@_reduction("Moments")
def _mean_and_variance(call: Call) -> Reduction | None:
    return _over_all_rows(
        call, call.operation.axes, moments, _moments, lambda found: found.mean, lambda found: found.variance
    )


def _over_all_rows(
    call: Call, axis: int | Sequence[int] | None, partial: Any, sum_up: Any, *values: Callable[[Any], np.ndarray]
) -> Reduction | None:
    """Return a reduction over height and width, and over the channels too where `axis` has them."""
    axes = {one % 4 for one in ([axis] if isinstance(axis, int) else range(4) if axis is None else axis)}
    if maps_of(call)[0].shape[2] == 1:
        axes |= {2}
    if not {1, 2} <= axes:
        return None
    if 3 not in axes:
        return Reduction(partial, sum_up, _shaped(call, *values))
    of_all = [lambda found, value=value: value(found.grouped(1))[:1] for value in values]
    return Reduction(partial, sum_up, _shaped(call, *of_all))


def _shaped(call: Call, *values: Callable[[Any], np.ndarray]) -> Callable[[Any], Arrays]:
    shapes = [tensor.shape for tensor in call.outputs]
    return lambda found: tuple(value(found).reshape(shape) for value, shape in zip(values, shapes, strict=True))


@_reduction("Softmax")
def _spatial_softmax(call: Call) -> Reduction | None:
    axes: Sequence[int] | int = call.operation.axis
    if not isinstance(axes, list | tuple) or {axis % 4 for axis in axes} != {1, 2}:
        return None
    return Reduction(exponentials, _exponentials, lambda found: (found.largest, 1 / found.total), softmax)


def softmax(strip: Any, largest: Any, factor: Any) -> Any:
    """Return exp(strip - largest) * factor in float32, in the strip's type."""
    return ops.cast(ops.exp(ops.cast(strip, "float32") - largest) * factor, strip.dtype)
