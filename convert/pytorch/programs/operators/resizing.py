"""Resizing of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from convert.pytorch.programs.context import Context
from convert.pytorch.programs.operators.windows import picture
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.sizes import by_sizes, computed, is_known, is_same, multiple_of
from convert.pytorch.programs.values import FreeSize, OperatorError, Value, whole, wholes
from layers import BilinearResizeToMatch, BilinearUpSampling2D, PadBySizes, ResizeToMatch


@operator("upsample_nearest2d")
def resize_nearest(context: Context, input: Value, output_size: Any, *scales: Any, **named: Any) -> Value:
    """The nearest pixel: pixel i of the result is pixel floor(i * factor) of the original."""
    input, factors = _not_constant(context, input), _scales(scales, named)
    matching = _matching(context, input, output_size)
    if matching is not None:
        return Value(ResizeToMatch("nearest")(matching))
    enlarged = _whole_factors(input, output_size, factors)
    if enlarged is not None:
        return Value(keras.layers.UpSampling2D(enlarged)(picture(input)))
    matching = _of_free_size(input, output_size, factors)
    if matching is not None:
        return _resized(matching, "nearest", factors)
    x = picture(input)
    for axis, (size, target) in enumerate(_sizes(input, output_size, factors), start=1):
        places = np.minimum(np.floor(np.arange(target) * np.float32(size / target)).astype(np.int32), size - 1)
        x = ops.take(x, places, axis=axis)
    return Value(x)


@operator("upsample_bilinear2d")
def resize_bilinear(
    context: Context, input: Value, output_size: Any, align_corners: bool = False, *scales: Any, **named: Any
) -> Value:
    """Mixtures of the four nearest pixels."""
    input, factors = _not_constant(context, input), _scales(scales, named)
    matching = _matching(context, input, output_size)
    if matching is not None:
        return Value((BilinearResizeToMatch() if align_corners else ResizeToMatch("bilinear"))(matching))
    enlarged = _whole_factors(input, output_size, factors)
    if enlarged is not None:
        if align_corners:
            return Value(BilinearUpSampling2D(enlarged)(picture(input)))
        return Value(keras.layers.UpSampling2D(enlarged, interpolation="bilinear")(picture(input)))
    matching = _of_free_size(input, output_size, factors)
    if matching is not None:
        return Value(BilinearResizeToMatch()(matching)) if align_corners else _resized(matching, "bilinear", factors)
    target = tuple(size for _, size in _sizes(input, output_size, factors))
    if align_corners:
        return Value(BilinearUpSampling2D(output_size=target)(picture(input)))
    return Value(ops.image.resize(picture(input), target, interpolation="bilinear", data_format="channels_last"))


@operator("upsample_bicubic2d")
def resize_bicubic(
    context: Context, input: Value, output_size: Any, align_corners: bool = False, *scales: Any, **named: Any
) -> Value:
    """Mixtures of sixteen pixels, by Keys' filter with a = -0.75."""
    input, factors = _not_constant(context, input), _scales(scales, named)
    matching = None if align_corners else _matching(context, input, output_size)
    if matching is not None:
        return Value(ResizeToMatch("bicubic")(matching))
    matching = None if align_corners else _of_free_size(input, output_size, factors)
    if matching is not None:
        return _resized(matching, "bicubic", factors)
    x = picture(input)
    for axis, (size, target) in enumerate(_sizes(input, output_size, factors), start=1):
        matrix = context.parameter(Value(_cubic_matrix(size, target, align_corners)))
        x = ops.einsum("oh,nhwc->nowc" if axis == 1 else "ow,nhwc->nhoc", matrix, x)
    return Value(x)


def _resized(matching: list[Any], interpolation: str, factors: list[Fraction] | None) -> Value:
    """Return a picture in the size of another that it is with, which a program computes by factors or gives."""
    return Value(ResizeToMatch(interpolation, None if factors is None else list(map(float, factors)))(matching))


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


def _not_constant(context: Context, value: Value) -> Value:
    """Return a constant picture, such as positions that are learnt, as a weight."""
    return Value.from_source(context.parameter(value)) if value.is_constant else value


def _matching(context: Context, value: Value, output_size: Any) -> list[Any] | None:
    """Return a picture with another that has the free height and width that are asked for, None where there is none."""
    is_pair = isinstance(output_size, (list, tuple)) and len(output_size) == 2
    reference = context.picture_like(*output_size) if is_pair else None
    return None if reference is None else [picture(value), picture(reference)]


def _of_free_size(value: Value, output_size: Any, factors: list[Fraction] | None) -> list[Any] | None:
    """Return a picture with another of the size that it is to have, where this is computed of free sizes.

    Parts of pixels that factors make are left out, as in PyTorch. Of factors that have no exact floating-point number
    there is no telling, but where a known size makes parts of pixels for sure.
    """
    sides = [FreeSize(value, axis) if size is None else size for axis, size in enumerate(value.shape)][2:]
    targets = list(output_size) if isinstance(output_size, (list, tuple)) else []
    if factors is not None:
        grown = [computed("mul", side, one.numerator) for side, one in zip(sides, factors, strict=True)]
        targets = [computed("floordiv", size, one.denominator) for size, one in zip(grown, factors, strict=True)]
    by_factors = list(zip(sides, factors or (), strict=False))
    parts = [isinstance(side, int) and side % one.denominator > 0 for side, one in by_factors]
    is_exact = all(
        one.numerator == 1 or one == Fraction(float(one)) or is_part
        for (_, one), is_part in zip(by_factors, parts, strict=True)
    )
    is_free = any(isinstance(size, FreeSize) for size in (*sides, *targets)) or any(parts)
    if not (is_exact and is_free and len(targets) == 2 and all(map(is_known, targets))):
        return None
    reference = picture(value)[..., :1]
    for axis, (side, target) in enumerate(zip(sides, targets, strict=True), start=1):
        reference = by_sizes(partial(PadBySizes, axis), reference, [0, computed("sub", target, side)])
    return [picture(value), reference]


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
