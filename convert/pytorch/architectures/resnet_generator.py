"""Generator of CycleGAN with residual blocks (Zhu et al. 2017, 1703.10593)."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from keras import KerasTensor

from convert.pytorch.registry import architecture
from convert.pytorch.state_dicts import StateDict
from convert.pytorch.weighted_layers import convolution, doubling_convolution
from errors import counted
from layers import CropToMatch, InstanceNormalization, ReflectionPadding2D

CHANNELS = 3
_FIRST_BLOCK = 10  # position of the first residual block
_MAX_BLOCKS = 100
# PyTorch before 0.4 stored these for every instance normalisation and never used them.
_LEFTOVERS = (".running_mean", ".running_var")


@architecture
class ResnetGenerator:
    """Three convolutions, residual blocks, two transposed convolutions, a last convolution with tanh.

    Any width and number of blocks, instance normalisation without parameters. The network takes and returns RGB in
    -1..1.
    """

    name = "generator of CycleGAN with residual blocks"

    def matches(self, state: StateDict) -> bool:
        """Compare names and shapes with those of a network of this width."""
        first = state.shape("model.1.weight")
        if first is None or len(first) != 4 or not 1 <= _blocks(state) < _MAX_BLOCKS:
            return False
        found = {name: tensor.shape for name, tensor in state.tensors.items() if not name.endswith(_LEFTOVERS)}
        expected: dict[str, tuple[int, ...]] = {}
        for name, shape, outputs in _convolutions(first[0], _blocks(state)):
            expected |= {f"{name}.weight": shape, f"{name}.bias": (outputs,)}
        return found == expected

    def build(self, state: StateDict) -> tuple[keras.Model, str]:
        """Return the network."""
        blocks = _blocks(state)
        image = keras.Input((None, None, CHANNELS), name="image")
        x = keras.layers.Rescaling(2.0, offset=-1.0, name="to_minus_1_to_1")(image)
        x = _unit(convolution(state, "model.1", ReflectionPadding2D(3)(x)))
        for position in (4, 7):
            x = _unit(convolution(state, f"model.{position}", keras.layers.ZeroPadding2D(1)(x), strides=2))
        for position in range(_FIRST_BLOCK, _FIRST_BLOCK + blocks):
            change = _unit(convolution(state, f"model.{position}.conv_block.1", ReflectionPadding2D(1)(x)))
            change = convolution(state, f"model.{position}.conv_block.5", ReflectionPadding2D(1)(change))
            x = keras.layers.Add()([x, _normalized(change)])
        for position in (_FIRST_BLOCK + blocks, _FIRST_BLOCK + blocks + 3):
            x = _unit(doubling_convolution(state, f"model.{position}", x))
        x = convolution(state, f"model.{_FIRST_BLOCK + blocks + 7}", ReflectionPadding2D(3)(x))
        x = keras.layers.Rescaling(0.5, offset=0.5, name="to_0_to_1")(keras.layers.Activation("tanh")(x))
        # A strided convolution rounds an odd size up, so the result is as large as the input or a little larger.
        stylized = CropToMatch(name="crop")([x, image])
        return keras.Model(image, stylized, name="resnet_generator"), counted(blocks, "residual block")

    def pictures(self, values: np.ndarray) -> np.ndarray:
        """Return pictures of the network's -1..1."""
        return (values + 1) / 2


def _blocks(state: StateDict) -> int:
    """Return the number of residual blocks, _MAX_BLOCKS for more than are allowed."""
    names = (f"model.{_FIRST_BLOCK + index}.conv_block.1.weight" for index in range(_MAX_BLOCKS))
    return next((index for index, name in enumerate(names) if name not in state.tensors), _MAX_BLOCKS)


def _convolutions(width: int, blocks: int) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Yield the name, the shape of the weight, and the number of outputs of each convolution."""
    wide, widest = 2 * width, 4 * width
    yield "model.1", (width, CHANNELS, 7, 7), width
    yield "model.4", (wide, width, 3, 3), wide
    yield "model.7", (widest, wide, 3, 3), widest
    for position in range(_FIRST_BLOCK, _FIRST_BLOCK + blocks):
        for place in (1, 5):
            yield f"model.{position}.conv_block.{place}", (widest, widest, 3, 3), widest
    after = _FIRST_BLOCK + blocks
    yield f"model.{after}", (widest, wide, 3, 3), wide
    yield f"model.{after + 3}", (wide, width, 3, 3), width
    yield f"model.{after + 7}", (CHANNELS, width, 7, 7), CHANNELS


def _normalized(x: KerasTensor) -> KerasTensor:
    return InstanceNormalization(center=False, scale=False)(x)


def _unit(x: KerasTensor) -> KerasTensor:
    """Return `x` normalised and rectified."""
    return keras.layers.ReLU()(_normalized(x))
