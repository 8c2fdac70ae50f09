"""RRDBNet of ESRGAN (Wang et al. 2018, 1809.00219) and Real-ESRGAN (Wang et al. 2021, 2107.10833)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import keras
import numpy as np
from keras import KerasTensor

from convert.pytorch.registry import architecture
from convert.pytorch.state_dicts import StateDict
from convert.pytorch.weighted_layers import (
    Shapes,
    convolution,
    convolution_shapes,
    plain,
    shapes_of,
    unshuffled_convolution,
)
from errors import counted
from layers import CropToMatch, PadToMultiple

_CHANNELS, _SIDE = 3, 3
_SLOPE = 0.2  # of LeakyReLU
_SHARE = 0.2  # of a block's result, which is added to what the block takes
_DENSE_BLOCKS, _CONVOLUTIONS = 3, 5  # of a block; of a dense block
_MAX_BLOCKS = 100
_FACTORS = {_CHANNELS * factor**2: factor for factor in (1, 2, 4)}


@dataclass(frozen=True)
class _Layout:
    """Names of the convolutions in a file.

    Attributes:
        first: of the picture.
        dense: of the blocks, where `block` counts from 0, `dense` and `number` from 1.
        after: of what the last block returns.
        enlarging: after each enlargement.
        last: the two at the end.
    """

    first: str
    dense: str
    after: str
    enlarging: tuple[str, ...]
    last: tuple[str, str]

    def block(self, block: int) -> list[list[str]]:
        """Return the names of the convolutions of each dense block of a block."""
        return [
            [self.dense.format(block=block, dense=dense, number=number) for number in range(1, _CONVOLUTIONS + 1)]
            for dense in range(1, _DENSE_BLOCKS + 1)
        ]

    def blocks(self, state: StateDict) -> int:
        """Return the number of blocks, _MAX_BLOCKS for more than are allowed."""
        return state.count(lambda block: f"{self.block(block)[0][0]}.weight", _MAX_BLOCKS)


_NAMED = (
    _Layout(
        "conv_first", "RRDB_trunk.{block}.RDB{dense}.conv{number}", "trunk_conv", ("upconv1", "upconv2"),
        ("HRconv", "conv_last"),
    ),
    _Layout(
        "conv_first", "body.{block}.rdb{dense}.conv{number}", "conv_body", ("conv_up1", "conv_up2"),
        ("conv_hr", "conv_last"),
    ),
)  # fmt: skip


@architecture
class RRDBNet:
    """Enlarges pictures: residual blocks of dense blocks, then nearest-neighbour enlargement and convolutions.

    The layouts of the first files of ESRGAN (numbered modules; any power of 2 as factor), of its later ones, and of
    BasicSR, with which Real-ESRGAN was published. There, networks that enlarge twice or not at all shrink the picture
    first by making its pixels channels. The network takes and returns RGB in [0, 1].
    """

    name = "RRDBNet of ESRGAN and Real-ESRGAN"

    def matches(self, state: StateDict) -> bool:
        """Compare names and shapes with those of a network of these widths."""
        return any(_fitting(state))

    def build(self, state: StateDict) -> tuple[keras.Model, str]:
        """Return the network."""
        layout = next(_fitting(state))
        shrinking = _FACTORS[state.tensors[f"{layout.first}.weight"].shape[1]]
        image = keras.Input((None, None, _CHANNELS), name="image")
        first = x = unshuffled_convolution(state, layout.first, PadToMultiple(shrinking)(image), shrinking)
        for block in range(layout.blocks(state)):
            x = _with_share(x, _dense_blocks(state, layout.block(block), x))
        x = keras.layers.Add()([first, convolution(state, layout.after, x, padding="same")])
        for name in layout.enlarging:
            x = _rectified(state, name, keras.layers.UpSampling2D(2, interpolation="nearest")(x))
        x = convolution(state, layout.last[1], _rectified(state, layout.last[0], x), padding="same")
        factor = 2 ** len(layout.enlarging) // shrinking
        if shrinking > 1:
            x = CropToMatch(name="crop")([x, keras.layers.UpSampling2D(factor, interpolation="nearest")(image)])
        decided = f"{counted(layout.blocks(state), 'block')}, enlarges {factor} times"
        return keras.Model(image, x, name="rrdb_net"), decided

    def pictures(self, values: np.ndarray) -> np.ndarray:
        """Return the pictures, which are in [0, 1] in PyTorch too."""
        return values


def _fitting(state: StateDict) -> Iterator[_Layout]:
    """Yield the layouts in which the file is."""
    found = shapes_of(state)
    yield from (layout for layout in _layouts(state) if _shapes(state, layout) == found)


def _layouts(state: StateDict) -> Iterator[_Layout]:
    yield from _NAMED
    places = [int(name.split(".")[1]) for name in state.tensors if name.count(".") == 2 and _is_numbered(name)]
    count = (max(places, default=0) - 4) // 3
    dense = "model.1.sub.{block}.RDB{dense}.conv{number}.0"
    enlarging = tuple(f"model.{3 * number}" for number in range(1, count + 1))
    last = f"model.{3 * count + 2}", f"model.{3 * count + 4}"
    layout = _Layout("model.0", dense, "", enlarging, last)
    yield replace(layout, after=f"model.1.sub.{layout.blocks(state)}")


def _is_numbered(name: str) -> bool:
    head, place, _ = name.split(".")
    return head == "model" and place.isascii() and place.isdigit() and len(place) < 3


def _dense_blocks(state: StateDict, names: list[list[str]], x: KerasTensor) -> KerasTensor:
    for dense in names:
        x = _with_share(x, _dense_block(state, dense, x))
    return x


def _dense_block(state: StateDict, names: list[str], x: KerasTensor) -> KerasTensor:
    """Return what the convolutions make of `x`, each of which sees all results before it."""
    found = [x]
    for name in names[:-1]:
        found.append(_rectified(state, name, keras.layers.Concatenate()(found) if len(found) > 1 else x))
    return convolution(state, names[-1], keras.layers.Concatenate()(found), padding="same")


def _with_share(x: KerasTensor, change: KerasTensor) -> KerasTensor:
    return keras.layers.Add()([x, keras.layers.Rescaling(_SHARE)(change)])


def _rectified(state: StateDict, name: str, x: KerasTensor) -> KerasTensor:
    return keras.layers.LeakyReLU(_SLOPE, name=f"{plain(name)}_relu")(convolution(state, name, x, padding="same"))


def _shapes(state: StateDict, layout: _Layout) -> Shapes | None:
    """Return the shapes of all tensors of a network with the widths that `state` tells, None where it tells none."""
    first, dense = (state.shape(f"{name}.weight") for name in (layout.first, layout.block(0)[0][0]))
    if first is None or dense is None or not len(first) == len(dense) == 4:
        return None
    if first[1] not in _FACTORS or 2 ** len(layout.enlarging) < _FACTORS[first[1]]:
        return None
    if layout.blocks(state) == _MAX_BLOCKS:
        return None
    width, growth = first[0], dense[0]
    expected = convolution_shapes(layout.first, first[1], width, _SIDE)
    for block in range(layout.blocks(state)):
        for names in layout.block(block):
            for number, name in enumerate(names):
                outputs = growth if number < _CONVOLUTIONS - 1 else width
                expected |= convolution_shapes(name, width + number * growth, outputs, _SIDE)
    for name in (layout.after, *layout.enlarging, layout.last[0]):
        expected |= convolution_shapes(name, width, width, _SIDE)
    return expected | convolution_shapes(layout.last[1], width, _CHANNELS, _SIDE)
