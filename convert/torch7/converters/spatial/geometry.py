"""Kernels, strides and padding, as Torch7's modules name them."""

from __future__ import annotations

import keras
from keras import KerasTensor

from convert.torch7.module import Module

MAX_KERNEL = 1024  # larger kernels, strides and dilations are taken for damage
MAX_PADDING = 4096

Pair = tuple[int, int]


def window(module: Module, stride_default: int | None = None) -> tuple[Pair, Pair]:
    """Return kernel size and strides of a convolution or pooling as (height, width) pairs."""
    height, width = (module.integer(name, low=1, high=MAX_KERNEL) for name in ("kH", "kW"))
    down, right = (module.integer(name, stride_default, low=1, high=MAX_KERNEL) for name in ("dH", "dW"))
    return (height, width), (down, right)


def zero_padding(module: Module) -> Pair:
    """Return the padding inside a convolution or pooling; old files have one field for both sides, or none."""
    common = module.integer("padding", 0, low=-MAX_PADDING, high=MAX_PADDING)
    rows, columns = (module.integer(name, common, low=-MAX_PADDING, high=MAX_PADDING) for name in ("padH", "padW"))
    return rows, columns


def module_sizes(module: Module, axes: int) -> list[tuple[int, int, int]]:
    """Return (kernel, stride, padding) along the last `axes` dimensions."""
    return [
        (
            module.integer(f"k{letter}", low=1, high=MAX_KERNEL),
            module.integer(f"d{letter}", 1, low=1, high=MAX_KERNEL),
            module.integer(f"pad{letter}", 0, low=0, high=MAX_KERNEL),
        )
        for letter in "THW"[-axes:]
    ]


def pad_or_crop(x: KerasTensor, border: tuple[Pair, Pair], padding: type[keras.Layer]) -> KerasTensor:
    """Pad the sides ((top, bottom), (left, right)) with a layer of class `padding`; negative sides are cut off."""
    cut = tuple(tuple(max(0, -side) for side in sides) for sides in border)
    add = tuple(tuple(max(0, side) for side in sides) for sides in border)
    if any(map(any, cut)):
        x = keras.layers.Cropping2D(cut)(x)
    return padding(add)(x) if any(map(any, add)) else x
