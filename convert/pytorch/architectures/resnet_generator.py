"""Generators with residual blocks: of CycleGAN (Zhu et al. 2017, 1703.10593) and CUT (Park et al. 2020, 2007.15651)."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import KerasTensor

from convert.pytorch.blurred_resizing import (
    blurred_double,
    blurred_double_shapes,
    blurred_half,
    blurred_half_shapes,
    is_blurred,
)
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
from layers import CropToMatch, ReflectionPadding2D

_CHANNELS, _SIDE, _END_SIDE = 3, 3, 7
_FIRST, _SECOND = "model.1", 4  # the first convolution; position of the second
_MAX_BLOCKS = 100


@architecture
class ResnetGenerator:
    """Three convolutions, residual blocks, two that enlarge, a last convolution with tanh.

    Any width and number of blocks; instance normalisation without parameters, or batch normalisation. The blocks may
    have dropout, which does nothing in use. CUT halves and doubles with blurring, unless its options say otherwise.
    The network takes and returns RGB in -1..1.
    """

    name = "generator of CycleGAN, pix2pix or CUT with residual blocks"

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
        x = plan.unit(state, 1, convolution(state, _FIRST, ReflectionPadding2D(3)(x)))
        for position in plan.halving:
            x = plan.halved(state, position, x)
        for position in plan.blocks:
            x = plan.residual(state, position, x)
        for position in plan.doubling:
            x = plan.doubled(state, position, x)
        x = convolution(state, plan.last, ReflectionPadding2D(3)(x))
        x = picture_of_tanh(x)
        # A strided convolution rounds an odd size up, so the result is as large as the input or a little larger.
        stylized = CropToMatch(name="crop")([x, image])
        return keras.Model(image, stylized, name="resnet_generator"), plan.told

    def pictures(self, values: np.ndarray) -> np.ndarray:
        """Return pictures of the network's -1..1."""
        return (values + 1) / 2


@dataclass(frozen=True)
class _Plan:
    """Where the layers of a network stand in its file.

    Attributes:
        width: of the first convolution.
        halving: positions of the two convolutions that halve.
        blocks: positions of the residual blocks.
        doubling: positions of the two convolutions that double.
        second: place of a block's second convolution.
        is_blurred_down: whether a convolution that halves is a plain one, with blurring after it.
        is_blurred_up: whether a convolution that doubles is a plain one, with interpolation before it.
        normalization: after each convolution but the last.
    """

    width: int
    halving: tuple[int, ...]
    blocks: range
    doubling: tuple[int, ...]
    second: int
    is_blurred_down: bool
    is_blurred_up: bool
    normalization: ChosenNormalization

    @property
    def last(self) -> str:
        """Return the name of the last convolution, after normalisation, rectification and padding."""
        return f"model.{self.doubling[-1] + 4}"

    @property
    def told(self) -> str:
        """Return what was found, in words."""
        blurred = {(True, True): "halves and doubles", (True, False): "halves", (False, True): "doubles"}
        found = blurred.get((self.is_blurred_down, self.is_blurred_up))
        parts = [counted(len(self.blocks), "residual block"), f"{found} with blurring" if found else ""]
        return "; ".join(part for part in (*parts, self.normalization.told) if part)

    def unit(self, state: StateDict, position: int, x: KerasTensor) -> KerasTensor:
        """Return what the convolution at `position` made, normalised and rectified."""
        return self.normalization.rectified(state, f"model.{position + 1}", x)

    def halved(self, state: StateDict, position: int, x: KerasTensor) -> KerasTensor:
        """Return `x` convolved and halved."""
        name, padded = f"model.{position}", keras.layers.ZeroPadding2D(1)(x)
        if not self.is_blurred_down:
            return self.unit(state, position, convolution(state, name, padded, strides=2))
        return blurred_half(
            state, f"model.{position + 3}", self.unit(state, position, convolution(state, name, padded))
        )

    def doubled(self, state: StateDict, position: int, x: KerasTensor) -> KerasTensor:
        """Return `x` doubled and convolved."""
        name = f"model.{position}"
        if not self.is_blurred_up:
            return self.unit(state, position, doubling_convolution(state, name, x))
        x = blurred_double(state, f"model.{position - 1}", x)
        return self.unit(state, position, convolution(state, name, x, padding="same"))

    def residual(self, state: StateDict, position: int, x: KerasTensor) -> KerasTensor:
        """Return `x` plus what the convolutions of a block make of it."""
        block = f"model.{position}.conv_block"
        change = convolution(state, f"{block}.1", ReflectionPadding2D(1)(x))
        change = self.normalization.rectified(state, f"{block}.2", change)
        change = convolution(state, f"{block}.{self.second}", ReflectionPadding2D(1)(change))
        return keras.layers.Add()([x, self.normalization.apply(state, f"{block}.{self.second + 1}", change)])

    def shapes(self) -> Shapes:
        """Return the shapes of all tensors."""
        width, wide, widest = self.width, 2 * self.width, 4 * self.width
        expected = self._unit_shapes("model", 1, _CHANNELS, width, _END_SIDE)
        for position, inputs, outputs in zip(self.halving, (width, wide), (wide, widest), strict=True):
            expected |= self._unit_shapes("model", position, inputs, outputs)
            if self.is_blurred_down:
                expected |= blurred_half_shapes(f"model.{position + 3}", outputs)
        for position in self.blocks:
            for place in (1, self.second):
                expected |= self._unit_shapes(f"model.{position}.conv_block", place, widest, widest)
        for position, inputs, outputs in zip(self.doubling, (widest, wide), (wide, width), strict=True):
            expected |= self._doubling_shapes(position, inputs, outputs)
        return expected | convolution_shapes(self.last, width, _CHANNELS, _END_SIDE)

    def _unit_shapes(self, module: str, place: int, inputs: int, outputs: int, side: int = _SIDE) -> Shapes:
        has_bias = not self.normalization.is_batch
        return convolution_shapes(
            f"{module}.{place}", inputs, outputs, side, has_bias=has_bias
        ) | self.normalization.shapes(f"{module}.{place + 1}", outputs)

    def _doubling_shapes(self, position: int, inputs: int, outputs: int) -> Shapes:
        if self.is_blurred_up:
            return blurred_double_shapes(f"model.{position - 1}", inputs) | self._unit_shapes(
                "model", position, inputs, outputs
            )
        name, has_bias = f"model.{position}", not self.normalization.is_batch
        return doubling_shapes(name, inputs, outputs, _SIDE, has_bias=has_bias) | self.normalization.shapes(
            f"model.{position + 1}", outputs
        )


def _plan(state: StateDict) -> _Plan | None:
    """Return where the layers stand, None where there is no first convolution or no block."""
    size = state.shape(f"{_FIRST}.weight")
    is_blurred_down = is_blurred(state, f"model.{_SECOND + 3}")
    step = 4 if is_blurred_down else 3
    first = _SECOND + 2 * step
    count = _block_count(state, first)
    if size is None or len(size) != 4 or not 1 <= count < _MAX_BLOCKS:
        return None
    blocks = range(first, first + count)
    is_blurred_up = is_blurred(state, f"model.{blocks.stop}")
    doubling = (blocks.stop + 1, blocks.stop + 5) if is_blurred_up else (blocks.stop, blocks.stop + 3)
    return _Plan(
        width=size[0],
        halving=(_SECOND, _SECOND + step),
        blocks=blocks,
        doubling=doubling,
        second=6 if len(state.shape(f"model.{first}.conv_block.6.weight") or ()) == 4 else 5,
        is_blurred_down=is_blurred_down,
        is_blurred_up=is_blurred_up,
        normalization=ChosenNormalization(is_batch="model.2.weight" in state.tensors),
    )


def _block_count(state: StateDict, first: int) -> int:
    """Return the number of residual blocks from the position `first` on, _MAX_BLOCKS for more than are allowed."""
    return state.count(lambda block: f"model.{first + block}.conv_block.1.weight", _MAX_BLOCKS)
