"""The multi-scale generator of the first texture networks."""

from __future__ import annotations

from typing import Any

import keras

from layers import CropToMatch, PaddedAveragePooling2D
from model.generators.blocks import IMAGE_CHANNELS, Blocks, check_counts


def pyramid(*, scales: int = 6, filters: int = 8, **options: Any) -> keras.Model:
    """Build the generator that works from coarse to fine and gains some filters at every scale.

    With the defaults, `output="vgg"` and `redundant_shifts=True` it is models/pyramid.lua of texture_nets,
    after Ulyanov et al. 2016 ("Texture networks"): the input reduced by 32, 16, 8, 4, 2 and 1 passes three
    convolutions each; from the coarsest on the result is enlarged and joined to the next finer scale, and
    three more convolutions follow.

    Args:
        scales: number of scales, each half as fine as the one before it.
        filters: added at every scale.
        options: those of `model.generators.blocks.Blocks`.

    Returns:
        A model from pictures or noise (batch, height, width, channels) to pictures (batch, height, width, 3).
        Any size works: a coarse pixel at the bottom or right edge averages what there is. In texture mode the
        picture tiles if its sides are multiples of 2 ** (scales - 1), by default 32.

    Raises:
        ArgumentError: an option has a value that is not allowed.
    """
    build = Blocks(**options)
    check_counts(scales=scales, filters=filters)

    inputs = build.input()
    coarser = None
    for i in range(scales):
        ratio = 2 ** (scales - 1 - i)
        x = _branch(build, inputs, filters, ratio)
        if coarser is not None:
            x = _join(build, coarser, x, ratio)
        coarser = x
    x = build.convolve(coarser, IMAGE_CHANNELS, 1, name="last")
    return build.finish(inputs, x, name="pyramid")


def _branch(build: Blocks, inputs: Any, filters: int, ratio: int) -> Any:
    """Return the features of the input at one scale."""
    x = _reduce(build, inputs, ratio)
    x = build.add_noise(x, name=f"noise{ratio}", seed=ratio)
    return _three_convolutions(build, x, filters, name=f"branch{ratio}")


def _reduce(build: Blocks, inputs: Any, ratio: int) -> Any:
    """Return `inputs` at 1 / `ratio` of its size, rounded up.

    The mean of many noise values is grey, so noise is thinned out instead: it stays uniform at every scale,
    as Torch7's texture networks have it, which draw it anew.
    """
    if ratio == 1:
        return inputs
    if build.mode == "texture":
        return inputs[:, ::ratio, ::ratio, :]
    return PaddedAveragePooling2D(ratio, ceil_mode=True, name=f"reduce{ratio}")(inputs)


def _join(build: Blocks, coarser: Any, finer: Any, ratio: int) -> Any:
    """Return the features of the coarser scales and of this one, mixed."""
    coarser = keras.layers.UpSampling2D(2, name=f"enlarge{ratio}")(coarser)
    coarser = CropToMatch(name=f"crop{ratio}")([coarser, finer])
    coarser = build.balance(coarser, name=f"coarser{ratio}_norm")
    finer = build.balance(finer, name=f"finer{ratio}_norm")
    x = keras.layers.Concatenate(name=f"concat{ratio}")([coarser, finer])
    return _three_convolutions(build, x, x.shape[-1], name=f"merge{ratio}")


def _three_convolutions(build: Blocks, x: Any, filters: int, *, name: str) -> Any:
    x = build.unit(x, filters, 3, name=f"{name}_1")
    x = build.unit(x, filters, 3, name=f"{name}_2")
    return build.unit(x, filters, 1, name=f"{name}_3")
