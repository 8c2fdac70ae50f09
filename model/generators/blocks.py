"""What the generators share: their options, inputs, convolutions and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import keras

from errors import ArgumentError, unknown_name
from layers import (
    CircularPadding2D,
    CropToMatch,
    InstanceNormalization,
    NoisePlanes,
    ReplicationPadding2D,
    UpsampledConv2D,
    VGGPostprocessing,
    conv2d,
)

Mode = Literal["style", "texture"]
Normalization = Literal["instance", "batch"]
Padding = Literal["replication", "zero", "circular"]
Output = Literal["sigmoid", "vgg"]

IMAGE_CHANNELS = 3
NORMALIZATIONS: dict[str, Callable[..., keras.layers.Layer]] = {
    "instance": partial(InstanceNormalization, epsilon=1e-5),
    "batch": partial(keras.layers.BatchNormalization, momentum=0.9, epsilon=1e-5),
}
PADDINGS: dict[str, Callable[..., keras.layers.Layer]] = {
    "replication": ReplicationPadding2D,
    "zero": keras.layers.ZeroPadding2D,
    "circular": CircularPadding2D,
}
# The last layer computes in float32 whatever the precision of the network: its values are the picture.
OUTPUTS: dict[str, Callable[..., keras.layers.Layer]] = {
    "sigmoid": partial(keras.layers.Activation, "sigmoid", dtype="float32"),
    "vgg": partial(VGGPostprocessing, dtype="float32"),
}
# What each mode takes for the options that are not given.
MODES: dict[str, dict[str, Any]] = {
    "style": {"noise_depth": 0, "padding": "replication"},
    "texture": {"noise_depth": 3, "padding": "circular"},
}


def check_choice(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise ArgumentError, with the nearest valid name, unless `name` is among the `known` ones."""
    if name not in known:
        raise ArgumentError(unknown_name(kind, name, known))


def check_counts(**counts: int) -> None:
    """Raise ArgumentError unless every one of the numbers is at least 1."""
    for name, count in counts.items():
        if count < 1:
            raise ArgumentError(f"{name} must be at least 1, not {count}")


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """The options that every generator has, and the pieces that they shape.

    Args:
        mode: "style": the network's input is a picture. "texture": its input is noise.
        noise_depth: number of noise planes; beside the picture in style mode, in place of it in texture mode.
            None: 0 in style mode, 3 in texture mode.
        normalization: "instance" or "batch".
        padding: of the convolutions: "replication", "zero" or "circular". None: "replication" in style mode
            and "circular" in texture mode, whose pictures then repeat without a seam.
        output: how the last convolution becomes a picture in RGB: "sigmoid" (never leaves [0, 1]: for
            training from scratch) or "vgg" (it is BGR in 0..255 minus VGG's mean pixel, as Torch7's texture
            networks return it; values beyond [0, 1] are not clipped, since a clipped pixel would get no
            gradient).
        redundant_shifts: keep the biases and offsets that a normalisation further on cancels, as Torch7's
            files have them. They change nothing, and their gradient is rounding error, which Adam blows up:
            only for taking over the weights of such files.

    Raises:
        ArgumentError: an option has a value that is not allowed.
    """

    mode: Mode = "style"
    noise_depth: int | None = None
    normalization: Normalization = "instance"
    padding: Padding | None = None
    output: Output = "sigmoid"
    redundant_shifts: bool = False
    negative_slope: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, MODES)
        check_choice("normalization", self.normalization, NORMALIZATIONS)
        check_choice("padding", self.edge, PADDINGS)
        check_choice("output", self.output, OUTPUTS)
        least = 1 if self.mode == "texture" else 0
        if self.planes < least:
            raise ArgumentError(f"noise_depth must be at least {least} in {self.mode} mode, not {self.planes}")

    @property
    def planes(self) -> int:
        """The planes of noise: `noise_depth`, or what the mode has."""
        return MODES[self.mode]["noise_depth"] if self.noise_depth is None else self.noise_depth

    @property
    def edge(self) -> Padding:
        """The padding of convolutions: `padding`, or what the mode has."""
        return MODES[self.mode]["padding"] if self.padding is None else self.padding

    def input(self) -> Any:
        """Return the network's input: a picture named "image", or noise named "noise"."""
        if self.mode == "style":
            return keras.Input((None, None, IMAGE_CHANNELS), name="image")
        return keras.Input((None, None, self.planes), name="noise")

    def add_noise(self, x: Any, *, name: str, seed: int = 0) -> Any:
        """Return the picture `x` with the noise planes beside it; in texture mode `x` is noise already."""
        if self.mode == "texture" or self.planes == 0:
            return x
        noise = NoisePlanes(self.planes, seed=seed, name=f"{name}_planes")(x)
        return keras.layers.Concatenate(name=name)([x, noise])

    def normalize(self, x: Any, *, name: str, center: bool = True) -> Any:
        """Return `x` normalised, scaled and, with `center`, shifted by learned numbers for each channel."""
        return NORMALIZATIONS[self.normalization](center=center, name=name)(x)

    def balance(self, x: Any, *, name: str) -> Any:
        """Return `x` normalised, to be joined to other features with equal weight (Ulyanov et al. 2016).

        A convolution and a normalisation follow at once, so a shift would be redundant.
        """
        return self.normalize(x, name=name, center=self.redundant_shifts)

    def activate(self, x: Any, *, name: str) -> Any:
        """Return `x` after the rectifier."""
        return keras.layers.ReLU(negative_slope=self.negative_slope, name=name)(x)

    def convolve(
        self,
        x: Any,
        filters: int,
        kernel_size: int,
        *,
        name: str,
        strides: int = 1,
        padding: Padding | None = None,
        use_bias: bool = True,
    ) -> Any:
        """Return `x` padded by half the (odd) kernel size and convolved: the input's size over the stride."""
        if kernel_size > 1:
            x = PADDINGS[padding or self.edge](kernel_size // 2, name=f"{name}_pad")(x)
        return conv2d(filters, kernel_size, strides=strides, use_bias=use_bias, name=f"{name}_conv")(x)

    def unit(self, x: Any, filters: int, kernel_size: int, *, name: str, activate: bool = True, **options: Any) -> Any:
        """Return `x` after a convolution, its normalisation and, unless told otherwise, the rectifier.

        `options` are those of `convolve`.
        """
        x = self.convolve(x, filters, kernel_size, name=name, use_bias=self.redundant_shifts, **options)
        x = self.normalize(x, name=f"{name}_norm")
        return self.activate(x, name=f"{name}_relu") if activate else x

    def enlarge(self, x: Any, filters: int, *, name: str, center: bool = True) -> Any:
        """Return `x` at twice the size by its nearest pixels, after a 3x3 convolution and its normalisation."""
        x = PADDINGS[self.edge](1, name=f"{name}_pad")(x)
        x = UpsampledConv2D(filters, use_bias=self.redundant_shifts, name=f"{name}_conv")(x)
        return self.normalize(x, name=f"{name}_norm", center=center)

    def finish(self, inputs: Any, x: Any, *, name: str) -> keras.Model:
        """Return the model from `inputs` to the picture that `x` becomes by the output option."""
        picture = OUTPUTS[self.output](name="stylized")(x)
        return keras.Model(inputs, picture, name=f"{name}_{self.mode}")

    def finish_cropped(self, inputs: Any, x: Any, *, name: str) -> keras.Model:
        """Return the model whose picture is as large as its input: strided convolutions round odd sizes up."""
        return self.finish(inputs, CropToMatch(name="crop")([x, inputs]), name=name)
