"""Generator of AnimeGANv2 (Chen, Liu & Chen 2020) as in animegan2-pytorch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
from keras import KerasTensor

from convert.pytorch.registry import architecture
from convert.pytorch.state_dicts import StateDict
from convert.pytorch.weighted_layers import (
    Shapes,
    convolution,
    convolution_shapes,
    depthwise_convolution,
    normalization_shapes,
    picture_of_tanh,
    plain,
    shapes_of,
    to_signed,
    with_weights,
)
from layers import BilinearResizeToMatch, PictureNormalization, ReflectionPadding2D

_SLOPE = 0.2  # of LeakyReLU
_LAST, _LAST_WIDTH = "out_layer.0", 32


@dataclass(frozen=True)
class _Unit:
    """A convolution with reflected edges, normalised over all channels, rectified with a slope below 0."""

    inputs: int
    outputs: int
    side: int = 3
    strides: int = 1
    is_depthwise: bool = False

    def shapes(self, name: str) -> Shapes:
        """Return the shapes of its tensors."""
        inputs = 1 if self.is_depthwise else self.inputs
        return convolution_shapes(
            f"{name}.1", inputs, self.outputs, self.side, has_bias=self.is_depthwise
        ) | normalization_shapes(f"{name}.2", self.outputs)

    def apply(self, state: StateDict, name: str, x: KerasTensor) -> KerasTensor:
        """Return what it makes of `x`."""
        if self.strides > 1:  # PyTorch's padding (0, 1, 0, 1): right and below
            x = ReflectionPadding2D(((0, 1), (0, 1)))(x)
        elif self.side > 1:
            x = ReflectionPadding2D(self.side // 2)(x)
        if self.is_depthwise:
            x = depthwise_convolution(state, f"{name}.1", x)
        else:
            x = convolution(state, f"{name}.1", x, strides=self.strides)
        return keras.layers.LeakyReLU(_SLOPE)(_normalized(state, f"{name}.2", x))


@dataclass(frozen=True)
class _InvertedResidual:
    """Twice as many channels, a convolution of each by itself, and fewer again, added to the input where they fit."""

    inputs: int
    outputs: int

    @property
    def _units(self) -> tuple[_Unit, _Unit]:
        width = 2 * self.inputs
        return _Unit(self.inputs, width, side=1), _Unit(width, width, is_depthwise=True)

    def shapes(self, name: str) -> Shapes:
        """Return the shapes of its tensors."""
        expected = convolution_shapes(f"{name}.layers.2", 2 * self.inputs, self.outputs, 1, has_bias=False)
        for index, unit in enumerate(self._units):
            expected |= unit.shapes(f"{name}.layers.{index}")
        return expected | normalization_shapes(f"{name}.layers.3", self.outputs)

    def apply(self, state: StateDict, name: str, x: KerasTensor) -> KerasTensor:
        """Return what it makes of `x`."""
        change = x
        for index, unit in enumerate(self._units):
            change = unit.apply(state, f"{name}.layers.{index}", change)
        change = _normalized(state, f"{name}.layers.3", convolution(state, f"{name}.layers.2", change))
        return keras.layers.Add()([x, change]) if self.inputs == self.outputs else change


_BLOCKS: dict[str, tuple[_Unit | _InvertedResidual, ...]] = {
    "block_a": (_Unit(3, 32, side=7), _Unit(32, 64, strides=2), _Unit(64, 64)),
    "block_b": (_Unit(64, 128, strides=2), _Unit(128, 128)),
    "block_c": (
        _Unit(128, 128),
        _InvertedResidual(128, 256),
        *(_InvertedResidual(256, 256) for _ in range(3)),
        _Unit(256, 128),
    ),
    "block_d": (_Unit(128, 128), _Unit(128, 128)),
    "block_e": (_Unit(128, 64), _Unit(64, 64), _Unit(64, _LAST_WIDTH, side=7)),
}


@architecture
class AnimeGAN:
    """Convolutions at full, half and a quarter of the size, and back with bilinear enlargement; tanh at the end.

    Corners are aligned in the enlargement, as in the network's method `forward` by default. The network takes and
    returns RGB in -1..1.
    """

    name = "generator of AnimeGANv2"

    def matches(self, state: StateDict) -> bool:
        """Compare names and shapes."""
        expected = convolution_shapes(_LAST, _LAST_WIDTH, 3, 1, has_bias=False)
        for name, part in _parts():
            expected |= part.shapes(name)
        return shapes_of(state) == expected

    def build(self, state: StateDict) -> tuple[keras.Model, str]:
        """Return the network."""
        image = keras.Input((None, None, 3), name="image")
        x = to_signed(image)
        half = x = _block(state, "block_a", x)
        x = _block(state, "block_c", _block(state, "block_b", x))
        x = _block(state, "block_d", BilinearResizeToMatch(name="to_half")([x, half]))
        x = _block(state, "block_e", BilinearResizeToMatch(name="to_full")([x, image]))
        stylized = picture_of_tanh(convolution(state, _LAST, x))
        return keras.Model(image, stylized, name="anime_gan"), "enlarges with aligned corners"

    def pictures(self, values: np.ndarray) -> np.ndarray:
        """Return pictures of the network's -1..1."""
        return (values + 1) / 2


def _parts() -> Iterator[tuple[str, _Unit | _InvertedResidual]]:
    for block, parts in _BLOCKS.items():
        for index, part in enumerate(parts):
            yield f"{block}.{index}", part


def _block(state: StateDict, block: str, x: KerasTensor) -> KerasTensor:
    for index, part in enumerate(_BLOCKS[block]):
        x = part.apply(state, f"{block}.{index}", x)
    return x


def _normalized(state: StateDict, name: str, x: KerasTensor) -> KerasTensor:
    layer = PictureNormalization(epsilon=1e-5, name=plain(name))
    return with_weights(layer, x, [state.array(f"{name}.weight"), state.array(f"{name}.bias")])
