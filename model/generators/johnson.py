"""The generator of Johnson et al. in the form of the texture networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras

from errors import ArgumentError
from layers import CircularPadding2D, PaddedConv2DTranspose
from model.generators.blocks import IMAGE_CHANNELS, PADDINGS, Blocks, Padding, check_choice, check_counts

Enlargement = Literal["transposed", "nearest"]


def johnson(
    *,
    widths: Sequence[int] = (32, 64, 128),
    blocks: int = 5,
    strided_padding: Padding | None = None,
    last_kernel_size: int = 3,
    enlargement: Enlargement = "transposed",
    **options: Any,
) -> keras.Model:
    """Build the residual generator: 9x9 convolution, strided convolutions, residual blocks, transposed ones.

    With the default widths and number of blocks, `output="vgg"` and `redundant_shifts=True` it is
    models/johnson.lua of texture_nets, which follows Johnson et al. 2016 ("Perceptual losses for real-time
    style transfer") but pads by replication, ends in a 3x3 convolution, and has no scaled tanh.

    Args:
        widths: filters at full size and after each strided convolution.
        blocks: number of residual blocks, at the smallest size.
        strided_padding: of the strided convolutions; None: like all others. Older Torch7 files have "zero".
        last_kernel_size: side of the last convolution, odd: 3 in texture_nets, 9 in Johnson et al.
        enlargement: "transposed": the transposed convolutions of both. "nearest": by nearest pixels and a 3x3
            convolution (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts"), which prints no lattice.
        options: those of `model.generators.blocks.Blocks`.

    Returns:
        A model from pictures or noise (batch, height, width, channels) to pictures (batch, height, width, 3).
        Any size works. In texture mode the picture tiles if its sides are multiples of 2 per strided
        convolution (4 by default).

    Raises:
        ArgumentError: an option has a value that is not allowed.
    """
    build = Blocks(**options)
    strided_padding = strided_padding or build.edge
    _check(widths, blocks, strided_padding, last_kernel_size)
    check_choice("enlargement", enlargement, ENLARGEMENTS)
    # Nothing but the zeros around a transposed convolution lets the next normalisation see a shift of the sums.
    shifted = enlargement == "transposed" or build.redundant_shifts

    inputs = build.input()
    x = build.unit(build.add_noise(inputs, name="noise"), widths[0], 9, name="first")
    for i, filters in enumerate(widths[1:], start=1):
        x = build.unit(x, filters, 3, name=f"down{i}", strides=2, padding=strided_padding)
    for i in range(1, blocks + 1):
        x = _residual(build, x, name=f"residual{i}", center=shifted)
    for i, filters in enumerate(reversed(widths[:-1]), start=1):
        x = ENLARGEMENTS[enlargement](build, x, filters, name=f"up{i}")
        x = build.activate(x, name=f"up{i}_relu")
    x = build.convolve(x, IMAGE_CHANNELS, last_kernel_size, name="last")
    return build.finish_cropped(inputs, x, name="johnson")


def _check(widths: Sequence[int], blocks: int, strided_padding: str, last_kernel_size: int) -> None:
    check_choice("strided_padding", strided_padding, PADDINGS)
    if not widths or min(widths) < 1:
        raise ArgumentError(f"widths must be numbers of filters of at least 1, not {widths!r}")
    check_counts(blocks=blocks)
    if last_kernel_size < 1 or last_kernel_size % 2 == 0:
        raise ArgumentError(f"last_kernel_size must be odd, not {last_kernel_size}")


def _residual(build: Blocks, x: Any, *, name: str, center: bool) -> Any:
    filters = x.shape[-1]
    change = build.unit(x, filters, 3, name=f"{name}_1")
    change = build.convolve(change, filters, 3, name=f"{name}_2", use_bias=build.redundant_shifts)
    change = build.normalize(change, name=f"{name}_2_norm", center=center)
    return keras.layers.Add(name=f"{name}_sum")([x, change])


def _enlarge(build: Blocks, x: Any, filters: int, *, name: str) -> Any:
    """Return `x` at twice the size, by the transposed convolution that undoes a strided one.

    Its border is zero, as in Torch7. Where the picture is circular, its first row and column follow the last
    ones, and what they add beyond twice the size is cut off; nothing else reaches across the edge.
    """
    options: dict[str, Any] = {"strides": 2, "padding": 1, "use_bias": build.redundant_shifts, "name": f"{name}_conv"}
    if build.edge == "circular":
        x = CircularPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
        x = PaddedConv2DTranspose(filters, 3, output_padding=0, **options)(x)
        x = keras.layers.Cropping2D(((0, 1), (0, 1)), name=f"{name}_crop")(x)
    else:
        x = PaddedConv2DTranspose(filters, 3, output_padding=1, **options)(x)
    return build.normalize(x, name=f"{name}_norm")


ENLARGEMENTS: dict[str, Callable[..., Any]] = {"transposed": _enlarge, "nearest": Blocks.enlarge}
