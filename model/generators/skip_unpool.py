"""The encoder and decoder with skip connections and max unpooling of the texture networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import keras

from errors import ArgumentError
from layers import MaxUnpooling2D, PaddedMaxPooling2D
from model.generators.blocks import IMAGE_CHANNELS, Blocks, check_counts


@dataclass(frozen=True, kw_only=True)
class _LeakyBlocks(Blocks):
    """Blocks with leaky rectifiers."""

    negative_slope: ClassVar[float] = 0.01


def skip_unpool(*, widths: Sequence[int] = (16, 32, 64, 128), skip_filters: int = 4, **options: Any) -> keras.Model:
    """Build the encoder and decoder whose unpooling puts values back where their maxima were.

    With the defaults, `output="vgg"` and `redundant_shifts=True` it is models/skip_unpool.lua of
    texture_nets: leaky rectifiers (slope 0.01), a few 1x1 filters past every level, and the picture itself
    added to the result. In texture mode there is no picture to add.

    Args:
        widths: filters of each level, the finest first; every level halves the size.
        skip_filters: filters of the 1x1 convolution that leads past a level.
        options: those of `model.generators.blocks.Blocks`.

    Returns:
        A model from pictures or noise (batch, height, width, channels) to pictures (batch, height, width, 3).
        Any size works: pooling rounds up, where Torch7 would drop an odd last row or column. In texture mode
        the picture tiles if its sides are multiples of 2 ** len(widths), by default 16.

    Raises:
        ArgumentError: an option has a value that is not allowed.
    """
    if not widths or min(widths) < 1:
        raise ArgumentError(f"widths must be numbers of filters of at least 1, not {widths!r}")
    check_counts(skip_filters=skip_filters)
    build = _LeakyBlocks(**options)

    inputs = build.input()
    x = build.add_noise(inputs, name="noise")
    x = _level(build, x, tuple(widths), skip_filters, number=1)
    x = build.convolve(x, IMAGE_CHANNELS, 1, name="last")
    if build.mode == "style":
        # In float32: the picture would lose its last bits in a network of lower precision.
        x = keras.layers.Add(name="sum", dtype="float32")([inputs, x])
    return build.finish(inputs, x, name="skip_unpool")


def _level(build: Blocks, x: Any, widths: tuple[int, ...], skip_filters: int, *, number: int) -> Any:
    """Return `x` after one level, which holds all deeper ones."""
    name = f"level{number}"
    skip = build.unit(x, skip_filters, 1, name=f"{name}_skip")
    skip = build.balance(skip, name=f"{name}_skip_norm2")
    deeper = _deeper(build, x, widths, skip_filters, number=number)
    x = keras.layers.Concatenate(name=f"{name}_concat")([skip, deeper])
    x = build.unit(x, widths[0], 3, name=f"{name}_merge1")
    x = build.unit(x, widths[0], 3, name=f"{name}_merge2")
    return build.unit(x, widths[0], 1, name=f"{name}_merge3")


def _deeper(build: Blocks, x: Any, widths: tuple[int, ...], skip_filters: int, *, number: int) -> Any:
    """Return `x` after pooling, the deeper levels and unpooling."""
    name = f"level{number}"
    before = build.unit(x, widths[0], 3, name=f"{name}_down1")
    x, indices = PaddedMaxPooling2D(2, ceil_mode=True, return_indices=True, name=f"{name}_pool")(before)
    x = build.unit(x, widths[0], 3, name=f"{name}_down2")
    if len(widths) > 1:
        x = _level(build, x, widths[1:], skip_filters, number=number + 1)
        x = build.unit(x, widths[0], 3, name=f"{name}_up", activate=False)
    x = MaxUnpooling2D(2, name=f"{name}_unpool")([x, indices, before])
    return build.balance(x, name=f"{name}_up_norm2")
