"""Pooling and resizing of lines (batch, channels, positions) and volumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import KerasTensor, ops

from convert.pytorch.programs.context import Context
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.values import OperatorError, Value, whole, wholes
from layers.padded_max_pooling import LOWEST


def _pooled(
    x: KerasTensor, axes: int, kernel_size: Any, stride: Any, padding: Any, edge: float, pool: Callable[..., Any]
) -> Value:
    """Return what is pooled in windows of `x`, channels last; around it there is the number `edge`."""
    sides, widths = wholes(kernel_size, axes), wholes(padding, axes)
    strides = wholes(stride, axes) if stride not in ((), [], None) else sides
    if any(widths):
        x = ops.pad(x, [(0, 0), *((width, width) for width in widths), (0, 0)], constant_values=edge)
    return Value.from_channels_last(pool(x, sides, strides, "valid", data_format="channels_last"))


def _maximum(axes: int) -> Callable[..., Value]:
    def apply(
        context: Context,
        self: Value,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Value:
        if ceil_mode or set(wholes(dilation, axes)) != {1}:
            raise OperatorError("dilations and `ceil_mode` are not supported")
        return _pooled(
            context.channels_last(self, axes), axes, kernel_size, stride, padding, LOWEST["float32"], ops.max_pool
        )

    return apply


def _average(axes: int) -> Callable[..., Value]:
    def apply(
        context: Context,
        self: Value,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Value:
        if ceil_mode or divisor_override is not None or (not count_include_pad and any(wholes(padding, axes))):
            raise OperatorError("`ceil_mode`, `divisor_override` and means without the padding are not supported")
        return _pooled(context.channels_last(self, axes), axes, kernel_size, stride, padding, 0.0, ops.average_pool)

    return apply


def _adaptive(axes: int) -> Callable[..., Value]:
    def apply(context: Context, self: Value, output_size: Any) -> Value:
        x, wanted = context.channels_last(self, axes), wholes(output_size, axes)
        if set(wanted) == {1}:
            return Value.from_channels_last(ops.mean(x, axis=tuple(range(1, axes + 1)), keepdims=True))
        sizes = [size if size is None else whole(size) for size in self.shape[2:]]
        if None in sizes or any(size % target for size, target in zip(sizes, wanted, strict=True)):  # type: ignore[operator]
            raise OperatorError("is supported for windows of one size")
        sides = tuple(size // target for size, target in zip(sizes, wanted, strict=True))  # type: ignore[operator]
        return Value.from_channels_last(ops.average_pool(x, sides, sides, "valid", data_format="channels_last"))

    return apply


for _axes in (1, 3):
    operator(f"max_pool{_axes}d")(_maximum(_axes))
    operator(f"avg_pool{_axes}d")(_average(_axes))
    operator(f"adaptive_avg_pool{_axes}d")(_adaptive(_axes))


def _enlarged(axes: int) -> Callable[..., Value]:
    def apply(context: Context, input: Value, output_size: Any, *scales: Any) -> Value:
        x, sizes = context.channels_last(input, axes), input.shape[2:]
        flat = [one for scale in scales for one in (scale if isinstance(scale, (list, tuple)) else [scale])]
        if output_size is None and flat and None not in flat:
            factors = flat
        elif output_size is not None and None not in sizes:
            factors = [new / whole(old) for new, old in zip(wholes(output_size, axes), sizes, strict=True)]
        else:
            raise OperatorError("resizes to a size that is free: give it as `input_shape`")
        for axis, factor in enumerate(factors, start=1):
            x = ops.repeat(x, whole(factor), axis=axis)
        return Value.from_channels_last(x)

    return apply


for _axes in (1, 3):
    operator(f"upsample_nearest{_axes}d")(_enlarged(_axes))
