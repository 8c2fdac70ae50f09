"""Pooling and padding of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from convert.axes import keras_axis
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.operators.reshaping import reshape
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.sizes import by_sizes, computed
from convert.pytorch.programs.values import FreeSize, OperatorError, Value, whole, wholes
from layers import (
    AdaptivePooling2D,
    CircularPadding2D,
    DilatedMaxPooling2D,
    PadBySizes,
    PaddedAveragePooling2D,
    PaddedConv2DTranspose,
    PaddedMaxPooling2D,
    ReflectionPadding2D,
    ReplicationPadding2D,
)
from layers.pad_by_sizes import MODES

_EDGES = {"reflect": ReflectionPadding2D, "replicate": ReplicationPadding2D, "circular": CircularPadding2D}


MAX_PATCH = 1 << 12  # positions of a patch


def picture(value: Value) -> Any:
    """Return the tensor of pictures.

    Raises:
        OperatorError: it is something else.
    """
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
        return Value(PaddedMaxPooling2D(sides, strides, wholes(padding, 2), bool(ceil_mode))(picture(self)))
    layer = DilatedMaxPooling2D(sides, strides, wholes(padding, 2), wholes(dilation, 2), bool(ceil_mode))
    return Value(layer(picture(self)))


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
    return Value(layer(picture(self)))


@operator("adaptive_avg_pool2d", "_adaptive_avg_pool2d")
def adaptive_average_pool(context: Context, self: Value, output_size: Any) -> Value:
    """Means of so many windows that cover the picture."""
    sides = _adaptive_sides(self, output_size)
    if sides == (1, 1):
        return Value(ops.mean(picture(self), axis=(1, 2), keepdims=True))
    return Value(AdaptivePooling2D(sides, "average")(picture(self)))


@operator("adaptive_max_pool2d")
def adaptive_max_pool(context: Context, self: Value, output_size: Any) -> tuple[Value, None]:
    """Maxima of so many windows that cover the picture."""
    sides = _adaptive_sides(self, output_size)
    if sides == (1, 1):
        return Value(ops.max(picture(self), axis=(1, 2), keepdims=True)), None
    return Value(AdaptivePooling2D(sides, "max")(picture(self))), None


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
    return Value(_EDGES[mode](((top, bottom), (left, right)))(picture(self)))


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


@operator("unfold")
def slide(context: Context, self: Value, dimension: int, size: int, step: int) -> Value:
    """Windows of `size` positions along an axis, every `step`-th, whose positions become a new last axis."""
    axis, source = self.axis(dimension), self.source()
    _check_patch(whole(size))
    parts = [source[(slice(None),) * axis + (_shifted(place, size - 1, step),)] for place in range(whole(size))]
    return Value.from_source(ops.stack(parts, axis=-1)) if not self.is_constant else Value(np.stack(parts, axis=-1))


def _check_patch(size: int) -> None:
    """Raise OperatorError for patches of too many positions."""
    if not 1 <= size <= MAX_PATCH:
        raise OperatorError(f"takes patches of {size} positions: 1 to {MAX_PATCH:,} are allowed")


def _shifted(offset: int, extent: int, step: int) -> slice:
    """Return where the positions at `offset` of all windows are, which reach `extent` positions further."""
    return slice(offset, offset - extent or None, step)


@operator("im2col")
def take_patches(context: Context, self: Value, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Value:
    """Windows of pictures as columns (batch, channels * height * width of a window, windows)."""
    sides, rates, widths, steps = (wholes(one, 2) for one in (kernel_size, dilation, padding, stride))
    _check_patch(math.prod(sides))
    x = picture(self)
    if any(widths):
        x = ops.pad(x, [(0, 0), *((width, width) for width in widths), (0, 0)])
    rows, columns = (
        [_shifted(place * rate, rate * (side - 1), step) for place in range(side)]
        for side, rate, step in zip(sides, rates, steps, strict=True)
    )
    parts = ops.stack([x[:, row, column] for row in rows for column in columns], axis=-1)
    numbers = whole(self.shape[1]) * sides[0] * sides[1]
    return Value(ops.transpose(keras.layers.Reshape((-1, numbers))(parts), (0, 2, 1)))


@operator("col2im")
def add_patches(
    context: Context, self: Value, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> Value:
    """Pictures that are the sums of windows, which are columns as `im2col` makes them."""
    sides, rates, widths, steps = (wholes(one, 2) for one in (kernel_size, dilation, padding, stride))
    _check_patch(math.prod(sides))
    # How far windows can move in each picture.
    ways = [
        computed("sub", computed("add", size, 2 * width), rate * (side - 1) + 1)
        for size, width, rate, side in zip(output_size, widths, rates, sides, strict=True)
    ]
    counts = [computed("add", computed("floordiv", way, step), 1) for way, step in zip(ways, steps, strict=True)]
    batch, numbers, _ = self.shape
    filters = whole(numbers) // (sides[0] * sides[1])
    maps = reshape(context, self, [FreeSize(self, 0) if batch is None else batch, numbers, *counts])
    kernel = np.eye(sides[0] * sides[1], dtype=np.float32).reshape(*sides, 1, -1)

    def make(name: str | None) -> keras.layers.Layer:
        common: dict[str, Any] = {
            "padding": [(width, 0) for width in widths],
            "dilation_rate": rates,
            "groups": filters,
            "use_bias": False,
            "name": name,
        }
        return PaddedConv2DTranspose(filters, sides, steps, **common)

    x = context.apply(maps.tensor, [Value(kernel)], make, [np.tile(kernel, (1, 1, 1, filters))])
    for axis, (way, step, width) in enumerate(zip(ways, steps, widths, strict=True), start=1):
        # What no window reaches at the end is 0; the rest of the padding is cut off.
        x = by_sizes(partial(PadBySizes, axis), x, [0, computed("sub", computed("mod", way, step), width)])
    return Value(x)
