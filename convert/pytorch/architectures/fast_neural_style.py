"""TransformerNetwork of rrmina's fast-neural-style-pytorch (Johnson et al. 2016, 1603.08155)."""

from __future__ import annotations

import keras
import numpy as np
from keras import KerasTensor, ops

from convert.pytorch.registry import architecture
from convert.pytorch.state_dicts import StateDict
from convert.pytorch.weighted_layers import (
    Shapes,
    convolution,
    convolution_shapes,
    doubling_convolution,
    doubling_shapes,
    instance_normalization,
    normalization_shapes,
    shapes_of,
)
from errors import counted
from layers import CropToMatch, ReflectionPadding2D

# (place in ConvBlock, inputs, outputs, kernel, stride), (place in DeconvBlock, inputs, outputs).
_CONVOLUTIONS = ((0, 3, 32, 9, 1), (2, 32, 64, 3, 2), (4, 64, 128, 3, 2))
_ENLARGEMENTS = ((0, 128, 64), (2, 64, 32))
_LAST, _CHANNELS, _LAST_SIDE = "DeconvBlock.4.conv_layer", 128, 9
_MAX_BLOCKS = 100
# With tanh, the result is this many times it.
TANH_FACTOR = 150.0
# From there on tanh is 1 in float32, so that no network learns with larger values; without tanh they are levels of 255.
MAX_BEFORE_TANH = 9.0


@architecture
class FastNeuralStyle:
    """Convolutions with reflected edges, residual blocks, two transposed convolutions, a last convolution.

    The residual blocks are of two convolutions (TransformerNetwork) or three (TransformerResNextNetwork), any number
    of them. The network takes and returns BGR in 0..255. With tanh at its end (TransformerNetworkTanh) its file has
    the same tensors as without: what its last convolution makes of a picture of noise tells which.
    """

    name = "TransformerNetwork of fast-neural-style-pytorch"

    def matches(self, state: StateDict) -> bool:
        """Compare names and shapes with those of a network with as many blocks."""
        return _block_count(state) < _MAX_BLOCKS and shapes_of(state) == _shapes(state)

    def build(self, state: StateDict) -> tuple[keras.Model, str]:
        """Return the network."""
        image = keras.Input((None, None, 3), name="image")
        x = keras.layers.Rescaling(255.0, name="to_255")(image)
        for place, *_, side, stride in _CONVOLUTIONS:
            x = _unit(state, f"ConvBlock.{place}", x, side=side, strides=stride, is_bgr_in=place == 0)
        for index in range(_block_count(state)):
            x = _residual(state, f"ResidualBlock.{index}", x)
        for place, *_ in _ENLARGEMENTS:
            x = doubling_convolution(state, f"DeconvBlock.{place}.conv_transpose", x)
            x = keras.layers.ReLU()(instance_normalization(state, f"DeconvBlock.{place}.norm_layer", x))
        x = convolution(state, _LAST, ReflectionPadding2D(_LAST_SIDE // 2)(x), is_bgr_out=True)
        has_tanh = _ends_in_tanh(keras.Model(image, x))
        if has_tanh:
            x = keras.layers.Activation("tanh")(x)
        x = keras.layers.Rescaling((TANH_FACTOR if has_tanh else 1.0) / 255, name="from_255")(x)
        # A strided convolution rounds an odd size up, so the result is as large as the input or a little larger.
        stylized = CropToMatch(name="crop")([x, image])
        end = f"{TANH_FACTOR:g} times tanh at its end" if has_tanh else "no tanh at its end"
        model = keras.Model(image, stylized, name="transformer_network")
        return model, f"{counted(_block_count(state), 'residual block')}; by the size of its results, {end}"

    def pictures(self, values: np.ndarray) -> np.ndarray:
        """Return pictures of the network's BGR in 0..255."""
        return values[..., ::-1] / 255


def _ends_in_tanh(network: keras.Model) -> bool:
    """Return whether what is made of noise is too small for levels of 255, and so is the argument of tanh."""
    noise = np.random.default_rng(0).random((1, 64, 64, 3), dtype=np.float32)
    return float(np.median(np.abs(ops.convert_to_numpy(network(noise))))) < MAX_BEFORE_TANH


def _unit(
    state: StateDict, name: str, x: KerasTensor, *, side: int, strides: int = 1, is_bgr_in: bool = False
) -> KerasTensor:
    """Return `x` convolved with reflected edges, normalised and rectified."""
    padded = ReflectionPadding2D(side // 2)(x)
    x = convolution(state, f"{name}.conv_layer", padded, strides=strides, is_bgr_in=is_bgr_in)
    return keras.layers.ReLU()(instance_normalization(state, f"{name}.norm_layer", x))


def _residual(state: StateDict, name: str, x: KerasTensor) -> KerasTensor:
    """Return `x` plus what the block's convolutions make of it; the last is not rectified."""
    *sides, last = _sides(state, name)
    change = x
    for number, side in enumerate(sides, start=1):
        change = _unit(state, f"{name}.conv{number}", change, side=side)
    name = f"{name}.conv{len(sides) + 1}"
    change = convolution(state, f"{name}.conv_layer", ReflectionPadding2D(last // 2)(change))
    return keras.layers.Add()([x, instance_normalization(state, f"{name}.norm_layer", change)])


def _sides(state: StateDict, block: str) -> tuple[int, ...]:
    """Return the sides of the kernels of a residual block."""
    return (1, 3, 1) if f"{block}.conv3.conv_layer.weight" in state.tensors else (3, 3)


def _block_count(state: StateDict) -> int:
    """Return the number of residual blocks, _MAX_BLOCKS for more than are allowed."""
    return state.count(lambda block: f"ResidualBlock.{block}.conv1.conv_layer.weight", _MAX_BLOCKS)


def _shapes(state: StateDict) -> Shapes:
    expected: Shapes = {}
    for place, inputs, outputs, side, _ in _CONVOLUTIONS:
        expected |= _unit_shapes(f"ConvBlock.{place}", inputs, outputs, side)
    for index in range(_block_count(state)):
        block = f"ResidualBlock.{index}"
        sides = _sides(state, block)
        widths = (_CHANNELS, 64, 64, _CHANNELS) if len(sides) == 3 else (_CHANNELS,) * 3
        for number, side in enumerate(sides, start=1):
            expected |= _unit_shapes(f"{block}.conv{number}", widths[number - 1], widths[number], side)
    for place, inputs, outputs in _ENLARGEMENTS:
        name = f"DeconvBlock.{place}"
        expected |= doubling_shapes(f"{name}.conv_transpose", inputs, outputs, 3)
        expected |= normalization_shapes(f"{name}.norm_layer", outputs)
    return expected | convolution_shapes(_LAST, _ENLARGEMENTS[-1][-1], 3, _LAST_SIDE)


def _unit_shapes(name: str, inputs: int, outputs: int, side: int) -> Shapes:
    convolved = convolution_shapes(f"{name}.conv_layer", inputs, outputs, side)
    return convolved | normalization_shapes(f"{name}.norm_layer", outputs)
