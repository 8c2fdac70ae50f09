"""A residual generator without checkerboard that looks at a wider part of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from errors import ArgumentError
from layers import ConditionalInstanceNormalization, CropToMatch, StyleWeights, SymmetricPadding2D
from model.generators.blocks import IMAGE_CHANNELS, Blocks, check_counts
from model.styles import STYLE

WIDTHS = 3  # at full size, at 1/2, and at 1/4 and 1/8


@dataclass(frozen=True, kw_only=True)
class _ConditionalBlocks(Blocks):
    """Blocks whose normalisations are mixed from those of several styles.

    Args:
        style: the network's second input, (batch, styles).
        weights: the same behind the layer that knows the styles' names.
    """

    style: Any
    weights: Any

    def normalize(self, x: Any, *, name: str, center: bool = True) -> Any:
        """Return `x` normalised, scaled and shifted as the styles' weights say."""
        return ConditionalInstanceNormalization(epsilon=1e-5, center=center, name=name)([x, self.weights])

    def finish(self, inputs: Any, x: Any, *, name: str) -> keras.Model:
        """Return the model from [`inputs`, `style`] to the picture."""
        return super().finish([inputs, self.style], x, name=name)


def hourglass(
    *,
    widths: Sequence[int] = (32, 64, 128),
    outer_blocks: int = 1,
    inner_blocks: int = 2,
    styles: Sequence[str] = (),
    mirrored_border: int = 0,
    **options: Any,
) -> keras.Model:
    """Build the generator of `johnson` with enlargements that print no lattice and a level at an eighth of the size.

    As in Johnson et al. 2016 ("Perceptual losses for real-time style transfer") there are strided convolutions down to
    a quarter after a 9x9 one, residual blocks there, and a 9x9 convolution at the end. Differences:

    - Enlargement is by nearest pixels and a 3x3 convolution (Odena et al. 2016, "Deconvolution and Checkerboard
      Artifacts"), computed at the small size (`layers.UpsampledConv2D`).
    - Between its residual blocks at a quarter, a branch goes down to an eighth, has residual blocks there, and comes
      back to be added (as in the hourglasses of Newell et al. 2016): a pixel of the result sees a square of 150 pixels
      instead of 110, for longer strokes, and a block there takes a quarter of the multiplications.
    - With `styles` it is one network of many styles: normalisations take factor and offset from a second input
      named "style", (batch, styles), rows adding up to 1 (Dumoulin et al. 2017, "A Learned Representation for Artistic
      Style"). All convolutions are shared.

    Args:
        widths: filters at full size, at a half, and at a quarter and an eighth.
        outer_blocks: number of residual blocks at a quarter on either side of the branch.
        inner_blocks: number of residual blocks at an eighth.
        styles: names of the styles, in the order of the second input; none: one style, without that input.
        mirrored_border: pixels by which a picture is extended by mirroring before the first convolution; the result is
            cropped. A trained network with a border of 16 prints no frame, and takes a tenth longer.
        options: those of `model.generators.blocks.Blocks`; `styles` needs normalization="instance".

    Returns:
        A model from pictures or noise (batch, height, width, channels) to pictures (batch, height, width, 3) of any
        size. In texture mode the picture tiles if its sides are multiples of 8.

    Raises:
        ArgumentError: an option has a value that is not allowed.
    """
    _check(widths, styles, mirrored_border, options)
    check_counts(outer_blocks=outer_blocks, inner_blocks=inner_blocks)
    build = _blocks(styles, options)
    inputs = build.input()
    extended = SymmetricPadding2D(mirrored_border, name="border")(inputs) if mirrored_border else inputs
    x = _reduced(build, build.add_noise(extended, name="noise"), widths)
    x = _residuals(build, x, outer_blocks, name="before")
    x = _residuals(build, _branch(build, x, inner_blocks), outer_blocks, name="after")
    x = _enlarged(build, x, widths)
    x = build.convolve(x, IMAGE_CHANNELS, 9, name="last")
    return build.finish(inputs, _cropped(x, extended, mirrored_border), name="hourglass")


def _cropped(x: Any, extended: Any, border: int) -> Any:
    """Return `x` at the size of the `extended` input, which strided convolutions round up, without its border."""
    x = CropToMatch(name="crop")([x, extended])
    return keras.layers.Cropping2D(border, name="border_crop")(x) if border else x


def _check(widths: Sequence[int], styles: Sequence[str], mirrored_border: int, options: dict[str, Any]) -> None:
    if mirrored_border < 0 or (mirrored_border and options.get("mode") == "texture"):
        raise ArgumentError(f"mirrored_border must be at least 0, and 0 for textures, not {mirrored_border}")
    if len(widths) != WIDTHS or min(widths) < 1:
        raise ArgumentError(f"widths must be {WIDTHS} numbers of filters of at least 1, not {widths!r}")
    if isinstance(styles, str) or not all(styles) or len(set(styles)) < len(styles):
        raise ArgumentError(f"styles must be names, none twice, not {styles!r}")
    for name, needed in (("normalization", "instance"), ("redundant_shifts", False)):
        if styles and options.get(name, needed) != needed:
            raise ArgumentError(f"{name} must be {needed} for a network of several styles, not {options[name]}")


def _blocks(styles: Sequence[str], options: dict[str, Any]) -> Blocks:
    if not styles:
        return Blocks(**options)
    style = keras.Input((len(styles),), name=STYLE)
    return _ConditionalBlocks(style=style, weights=StyleWeights(styles, name="style_weights")(style), **options)


def _reduced(build: Blocks, x: Any, widths: Sequence[int]) -> Any:
    """Return features of `x` at a quarter of its size."""
    full, half, quarter = widths
    x = build.unit(x, full, 9, name="first")
    x = build.unit(x, half, 3, name="down1", strides=2)
    return build.unit(x, quarter, 3, name="down2", strides=2)


def _enlarged(build: Blocks, x: Any, widths: Sequence[int]) -> Any:
    """Return `x` at four times its size."""
    full, half, _ = widths
    for filters, name in ((half, "up1"), (full, "up2")):
        x = build.activate(build.enlarge(x, filters, name=name), name=f"{name}_relu")
    return x


def _residuals(build: Blocks, x: Any, count: int, *, name: str) -> Any:
    for i in range(1, count + 1):
        change = build.unit(x, x.shape[-1], 3, name=f"{name}{i}_1")
        change = build.convolve(change, x.shape[-1], 3, name=f"{name}{i}_2", use_bias=build.redundant_shifts)
        change = build.balance(change, name=f"{name}{i}_2_norm")
        x = keras.layers.Add(name=f"{name}{i}_sum")([x, change])
    return x


def _branch(build: Blocks, x: Any, blocks: int) -> Any:
    """Return `x` and what is seen of it at half its size."""
    change = build.unit(x, x.shape[-1], 3, name="down3", strides=2)
    change = _residuals(build, change, blocks, name="inner")
    change = build.enlarge(change, x.shape[-1], name="up0", center=build.redundant_shifts)
    change = CropToMatch(name="up0_crop")([change, x])
    return keras.layers.Add(name="up0_sum")([x, change])
