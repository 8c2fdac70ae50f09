"""Pooling, padding and resizing of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from convert.axes import keras_axis
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.sizes import by_sizes, is_same, multiple_of
from convert.pytorch.programs.values import FreeSize, OperatorError, Value, whole, wholes
from layers import (
    AdaptivePooling2D,
    BilinearResizeToMatch,
    BilinearUpSampling2D,
    CircularPadding2D,
    DilatedMaxPooling2D,
    PadBySizes,
    PaddedAveragePooling2D,
    PaddedMaxPooling2D,
    ReflectionPadding2D,
    ReplicationPadding2D,
    ResizeToMatch,
)
from layers.pad_by_sizes import MODES

_EDGES = {"reflect": ReflectionPadding2D, "replicate": ReplicationPadding2D, "circular": CircularPadding2D}


def _picture(value: Value) -> Any:
    if value.rank != 4 or value.is_constant:
        raise OperatorError(f"takes pictures, not a tensor of {value.rank} axes")
    return value.tensor


@operator("max_pool2d")
def max_pool(
    context: Context,
    self: Value,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Value:
    """The maximum of each window."""
    sides = wholes(kernel_size, 2)
    strides = wholes(stride, 2) if stride not in ((), [], None) else sides
    if wholes(dilation, 2) == (1, 1):
        return Value(PaddedMaxPooling2D(sides, strides, wholes(padding, 2), bool(ceil_mode))(_picture(self)))
    layer = DilatedMaxPooling2D(sides, strides, wholes(padding, 2), wholes(dilation, 2), bool(ceil_mode))
    return Value(layer(_picture(self)))


@operator("max_pool2d_with_indices")
def max_pool_with_indices(context: Context, self: Value, *options: Any, **further: Any) -> tuple[Value, None]:
    """The maxima; the places of the maxima are for training."""
    return max_pool(context, self, *options, **further), None


@operator("avg_pool2d")
def average_pool(
    context: Context,
    self: Value,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """The mean of each window."""
    sides = wholes(kernel_size, 2)
    strides = wholes(stride, 2) if stride not in ((), [], None) else sides
    if divisor_override is not None:
        raise OperatorError("`divisor_override` is not supported")
    layer = PaddedAveragePooling2D(sides, strides, wholes(padding, 2), bool(ceil_mode), bool(count_include_pad))
    return Value(layer(_picture(self)))


@operator("adaptive_avg_pool2d", "_adaptive_avg_pool2d")
def adaptive_average_pool(context: Context, self: Value, output_size: Any) -> Value:
    """Means of so many windows that cover the picture."""
    sides = _adaptive_sides(self, output_size)
    if sides == (1, 1):
        return Value(ops.mean(_picture(self), axis=(1, 2), keepdims=True))
    return Value(AdaptivePooling2D(sides, "average")(_picture(self)))


@operator("adaptive_max_pool2d")
def adaptive_max_pool(context: Context, self: Value, output_size: Any) -> tuple[Value, None]:
    """Maxima of so many windows that cover the picture."""
    sides = _adaptive_sides(self, output_size)
    if sides == (1, 1):
        return Value(ops.max(_picture(self), axis=(1, 2), keepdims=True)), None
    return Value(AdaptivePooling2D(sides, "max")(_picture(self))), None


def _adaptive_sides(value: Value, output_size: Any) -> tuple[int, ...]:
    sides = list(output_size) if isinstance(output_size, (list, tuple)) else [output_size]
    sides *= 2 // len(sides)
    return wholes([value.shape[2 + axis] if side is None else side for axis, side in enumerate(sides)])


@operator("pad")
def pad(context: Context, self: Value, pad: Any, mode: str = "constant", value: float | None = None) -> Value:
    """More positions around: a number, the edge, or the picture mirrored or continued at its other side."""
    if any(isinstance(width, FreeSize) for width in pad):
        return _pad_by_sizes(self, pad, mode, 0.0 if value is None else value)
    widths = wholes(pad)
    if mode == "constant":
        return constant_pad(context, self, widths, 0.0 if value is None else value)
    if mode not in _EDGES or len(widths) != 4:
        raise OperatorError(f"the mode {mode!r} with {len(widths)} widths is not supported")
    left, right, top, bottom = widths
    return Value(_EDGES[mode](((top, bottom), (left, right)))(_picture(self)))


def _pad_by_sizes(value: Value, widths: Sequence[Any], mode: str, number: float) -> Value:
    """Return a tensor that is padded by widths, the last axis first, some of which depend on sizes."""
    if mode not in MODES or value.is_constant:
        raise OperatorError(f"the mode {mode!r} with widths that depend on sizes is not supported")
    x = value.tensor
    for place in range(0, len(widths), 2):
        axis = keras_axis(value.axis(-1 - place // 2), value.rank)
        pair = widths[place : place + 2]
        if any(isinstance(width, FreeSize) or width for width in pair):
            x = by_sizes(partial(_padding, axis, mode, float(number)), x, pair)
    return Value(x)


def _padding(axis: int, mode: str, number: float, before: Any, after: Any) -> PadBySizes:
    return PadBySizes(axis, before, after, mode, number)


@operator("reflection_pad2d")
def reflection_pad(context: Context, self: Value, padding: Any) -> Value:
    """The picture mirrored at its edge pixels."""
    return pad(context, self, padding, "reflect")


@operator("replication_pad2d")
def replication_pad(context: Context, self: Value, padding: Any) -> Value:
    """The edge pixels repeated."""
    return pad(context, self, padding, "replicate")


@operator("constant_pad_nd")
def constant_pad(context: Context, self: Value, pad: Any, value: float = 0) -> Value:
    """A number around; negative widths cut off. The widths are those of the last axis first."""
    if any(isinstance(width, FreeSize) for width in pad):
        return _pad_by_sizes(self, pad, "constant", value)
    widths = wholes(pad)
    ends = [(0, 0)] * self.rank
    for number in range(len(widths) // 2):
        ends[self.rank - 1 - number] = widths[2 * number], widths[2 * number + 1]
    if self.is_constant:
        array = np.pad(self.tensor, [(max(0, a), max(0, b)) for a, b in ends], constant_values=value)
        return Value(array[tuple(slice(max(0, -a), -max(0, -b) or None) for a, b in ends)])
    keras_ends = [(0, 0)] * self.rank
    for axis, pair in enumerate(ends):
        keras_ends[keras_axis(axis, self.rank)] = pair
    x = self.tensor
    grown = [(max(0, before), max(0, after)) for before, after in keras_ends]
    if any(map(any, grown)):
        x = ops.pad(x, grown, constant_values=float(value))
    cut = tuple(slice(max(0, -before), -max(0, -after) or None) for before, after in keras_ends)
    return Value(x[cut] if any(min(pair) < 0 for pair in keras_ends) else x)


@operator("upsample_nearest2d")
def resize_nearest(context: Context, input: Value, output_size: Any, *scales: Any, **named: Any) -> Value:
    """The nearest pixel: pixel i of the result is pixel floor(i * factor) of the original."""
    factors, reference = _scales(scales, named), _reference(context, output_size)
    if reference is not None:
        return Value(ResizeToMatch("nearest")([_picture(input), _picture(reference)]))
    enlarged = _whole_factors(input, output_size, factors)
    if enlarged is not None:
        return Value(keras.layers.UpSampling2D(enlarged)(_picture(input)))
    x = _picture(input)
    for axis, (size, target) in enumerate(_sizes(input, output_size, factors), start=1):
        places = np.minimum(np.floor(np.arange(target) * np.float32(size / target)).astype(np.int32), size - 1)
        x = ops.take(x, places, axis=axis)
    return Value(x)


@operator("upsample_bilinear2d")
def resize_bilinear(
    context: Context, input: Value, output_size: Any, align_corners: bool = False, *scales: Any, **named: Any
) -> Value:
    """Mixtures of the four nearest pixels."""
    factors = _scales(scales, named)
    reference = _reference(context, output_size)
    if reference is not None:
        layer = BilinearResizeToMatch() if align_corners else ResizeToMatch("bilinear")
        return Value(layer([_picture(input), _picture(reference)]))
    enlarged = _whole_factors(input, output_size, factors)
    if enlarged is not None:
        if align_corners:
            return Value(BilinearUpSampling2D(enlarged)(_picture(input)))
        return Value(keras.layers.UpSampling2D(enlarged, interpolation="bilinear")(_picture(input)))
    target = tuple(size for _, size in _sizes(input, output_size, factors))
    if align_corners:
        return Value(BilinearUpSampling2D(output_size=target)(_picture(input)))
    return Value(ops.image.resize(_picture(input), target, interpolation="bilinear", data_format="channels_last"))


@operator("upsample_bicubic2d")
def resize_bicubic(
    context: Context, input: Value, output_size: Any, align_corners: bool = False, *scales: Any, **named: Any
) -> Value:
    """Mixtures of sixteen pixels, by Keys' filter with a = -0.75."""
    x = _picture(input)
    for axis, (size, target) in enumerate(_sizes(input, output_size, _scales(scales, named)), start=1):
        matrix = context.parameter(Value(_cubic_matrix(size, target, align_corners)))
        x = ops.einsum("oh,nhwc->nowc" if axis == 1 else "ow,nhwc->nhoc", matrix, x)
    return Value(x)


def _cubic_matrix(size: int, target: int, align_corners: bool) -> np.ndarray:
    """Return the weights (target, size) of the pixels of a line; pixels outside are the one at the edge."""
    if align_corners:
        places = np.arange(target) * ((size - 1) / max(1, target - 1))
    else:
        places = (np.arange(target) + 0.5) * (size / target) - 0.5
    start = np.floor(places).astype(int)
    matrix = np.zeros((target, size), np.float64)
    for offset in range(-1, 3):
        distance = np.abs(places - (start + offset))
        near = 1.25 * distance**3 - 2.25 * distance**2 + 1
        far = -0.75 * (distance**3 - 5 * distance**2 + 8 * distance - 4)
        pixels = np.clip(start + offset, 0, size - 1)
        np.add.at(matrix, (np.arange(target), pixels), np.where(distance <= 1, near, far))
    return matrix.astype(np.float32)


def _scales(scales: Sequence[Any], named: dict[str, Any]) -> list[Fraction] | None:
    """Return the factors down and across, None where a program gives the size alone."""
    given = [*scales, *(named[name] for name in ("scale_factors", "scales_h", "scales_w") if name in named)]
    flat = [one for scale in given for one in (scale if isinstance(scale, (list, tuple)) else [scale])]
    if not flat or any(one is None for one in flat):
        return None
    return [Fraction(one).limit_denominator(1000) for one in flat] * (2 // len(flat))


def _reference(context: Context, output_size: Any) -> Value | None:
    """Return a picture that has the free height and width that are asked for."""
    if not isinstance(output_size, (list, tuple)) or len(output_size) != 2:
        return None
    return context.picture_like(*output_size)


def _whole_factors(value: Value, output_size: Any, factors: list[Fraction] | None) -> tuple[int, int] | None:
    """Return whole factors by which a picture is enlarged, None where they are others."""
    factors = factors or _multiples(value, output_size)
    if factors is None and output_size is not None and None not in value.shape[2:]:
        if any(isinstance(size, FreeSize) for size in output_size):
            return None
        factors = [Fraction(whole(new), old) for new, old in zip(output_size, value.shape[2:], strict=True)]
    if factors is None or any(factor.denominator != 1 for factor in factors):
        return None
    down, across = (factor.numerator for factor in factors)
    return down, across


def _multiples(value: Value, output_size: Any) -> list[Fraction] | None:
    """Return how often the free sizes of a picture are in those that are asked for."""
    if not isinstance(output_size, (list, tuple)):
        return None
    found = [
        Fraction(multiple[1])
        for axis, multiple in enumerate(map(multiple_of, output_size), start=2)
        if multiple and is_same(multiple[0], FreeSize(value, axis))
    ]
    return found if len(found) == 2 else None


def _sizes(value: Value, output_size: Any, factors: list[Fraction] | None) -> list[tuple[int, int]]:
    """Return the known (old, new) height and width.

    Raises:
        OperatorError: they are free, or a factor makes parts of pixels, which PyTorch rounds off in a way of its own.
    """
    found = value.shape[2:]
    if None in found:
        raise OperatorError("resizes pictures of a free size by a fraction or to a size: give it as `input_shape`")
    sides = [whole(side) for side in found]
    if output_size is not None:
        return list(zip(sides, wholes(output_size, 2), strict=True))
    targets = [side * factor for side, factor in zip(sides, factors or [Fraction(1)] * 2, strict=True)]
    if any(target.denominator != 1 for target in targets):
        raise OperatorError(f"resizes {sides[0]} x {sides[1]} by a factor that makes parts of pixels")
    return list(zip(sides, map(int, targets), strict=True))
