"""Generator of pix2pix, a U-Net (Isola et al. 2017, 1611.07004)."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import KerasTensor

from convert.pytorch.chosen_normalization import ChosenNormalization
from convert.pytorch.registry import architecture
from convert.pytorch.state_dicts import StateDict
from convert.pytorch.weighted_layers import (
    Shapes,
    convolution,
    convolution_shapes,
    doubling_convolution,
    doubling_shapes,
    picture_of_tanh,
    to_signed,
)
from errors import counted
from layers import CropToMatch, PadToMultiple

_CHANNELS, _SIDE = 3, 4
_SLOPE = 0.2  # of LeakyReLU
_MIN_LEVELS, _MAX_LEVELS = 5, 12
_MAX_FACTOR = 8  # of the width, which doubles from level to level until there


@architecture
class UnetGenerator:
    """Convolutions that halve down to the innermost level, and transposed ones that double, with tanh at the end.

    Each level but the innermost hands what it found to its second half too. Any width and number of levels; instance
    normalisation without parameters, or batch normalisation. Levels may have dropout, which does nothing in use. The
    network takes and returns RGB in -1..1, of sizes that the levels can halve; others are extended for it.
    """

    name = "generator of pix2pix, a U-Net"

    def matches(self, state: StateDict) -> bool:
        """Compare names and shapes with those of a network of this width."""
        plan = _plan(state)
        return plan is not None and plan.normalization.shapes_of(state) == plan.shapes()

    def build(self, state: StateDict) -> tuple[keras.Model, str]:
        """Return the network."""
        plan = _plan(state)
        assert plan is not None
        image = keras.Input((None, None, _CHANNELS), name="image")
        x = to_signed(image)
        x = plan.apply(state, 0, PadToMultiple(2**plan.levels, name="extend")(x))
        x = picture_of_tanh(x)
        stylized = CropToMatch(name="crop")([x, image])
        decided = f"{counted(plan.levels, 'level')}; {plan.normalization.told}"
        return keras.Model(image, stylized, name="unet_generator"), decided

    def pictures(self, values: np.ndarray) -> np.ndarray:
        """Return pictures of the network's -1..1."""
        return (values + 1) / 2


@dataclass(frozen=True)
class _Plan:
    """Levels of a network, from 0 at the outside.

    Attributes:
        width: of the outermost convolution.
        levels: their number.
        normalization: after each convolution but the outermost and the innermost.
    """

    width: int
    levels: int
    normalization: ChosenNormalization

    def apply(self, state: StateDict, level: int, x: KerasTensor) -> KerasTensor:
        """Return what a level and those inside make of `x`, before it is joined with `x`."""
        halving, doubling = self._halving(level), self._doubling(level)
        if level:
            x = keras.layers.LeakyReLU(_SLOPE)(x)
        x = convolution(state, halving, keras.layers.ZeroPadding2D(1)(x), strides=2)
        if self._is_normalized(level):
            x = self.normalization.apply(state, _after(halving), x)
        if level < self.levels - 1:
            x = keras.layers.Concatenate()([x, self.apply(state, level + 1, x)])
        x = doubling_convolution(state, doubling, keras.layers.ReLU()(x))
        return self.normalization.apply(state, _after(doubling), x) if level else x

    def shapes(self) -> Shapes:
        """Return the shapes of all tensors."""
        expected: Shapes = {}
        for level in range(self.levels):
            halving, doubling = self._halving(level), self._doubling(level)
            outside, inside, has_bias = self._width(level - 1), self._width(level), not self.normalization.is_batch
            expected |= convolution_shapes(halving, outside, inside, _SIDE, has_bias=has_bias)
            if self._is_normalized(level):
                expected |= self.normalization.shapes(_after(halving), inside)
            joined = 2 * inside if level < self.levels - 1 else inside
            expected |= doubling_shapes(doubling, joined, outside, _SIDE, has_bias=has_bias or not level)
            if level:
                expected |= self.normalization.shapes(_after(doubling), outside)
        return expected

    def _is_normalized(self, level: int) -> bool:
        """Return whether the convolution that halves has a normalisation after it."""
        return 0 < level < self.levels - 1

    def _width(self, level: int) -> int:
        return self.width * min(2**level, _MAX_FACTOR) if level >= 0 else _CHANNELS

    def _halving(self, level: int) -> str:
        return f"{_level(level)}.{1 if level else 0}"

    def _doubling(self, level: int) -> str:
        return f"{_level(level)}.{5 if self._is_normalized(level) else 3}"


def _level(level: int) -> str:
    """Return the name of a level: each is a module of the one around it."""
    return "model.model" + (f".1.model{'.3.model' * (level - 1)}" if level else "")


def _after(name: str) -> str:
    """Return the name of the module after `name`."""
    module, _, place = name.rpartition(".")
    return f"{module}.{int(place) + 1}"


def _plan(state: StateDict) -> _Plan | None:
    """Return the levels, None where they are too few or too many."""
    size = state.shape(f"{_level(0)}.0.weight")
    levels = 1 + state.count(lambda inside: f"{_level(inside + 1)}.1.weight", _MAX_LEVELS)
    if size is None or len(size) != 4 or not _MIN_LEVELS <= levels <= _MAX_LEVELS:
        return None
    return _Plan(size[0], levels, ChosenNormalization(is_batch=f"{_level(1)}.2.weight" in state.tensors))
