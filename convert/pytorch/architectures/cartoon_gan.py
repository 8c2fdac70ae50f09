"""Generator of CartoonGAN (Chen, Lai & Liu 2018) as in CartoonGAN-Test-Pytorch-Torch."""

from __future__ import annotations

import keras
import numpy as np
from keras import KerasTensor

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
    picture_of_tanh,
    shapes_of,
    to_signed,
)
from layers import CropToMatch, ReflectionPadding2D

_PARAMETERS, _EPSILON = ("scale", "shift"), 1e-9  # of a normalisation
_WIDTHS = (64, 128, 256)
_BLOCKS = [f"{number:02d}" for number in range(4, 12)]
# Two convolutions without anything between, and the normalisation after them.
_SHRINKING = (("conv02_1", "conv02_2", "in02_1"), ("conv03_1", "conv03_2", "in03_1"))
_ENLARGING = (("deconv01_1", "deconv01_2", "in12_1"), ("deconv02_1", "deconv02_2", "in13_1"))
_FIRST, _LAST = "conv01_1", "deconv03_1"


@architecture
class CartoonGAN:
    """A convolution, two that halve, eight residual blocks, two that double, a last convolution with tanh.

    The network takes and returns BGR in -1..1; the first and the last convolution are changed to RGB.
    """

    name = "generator of CartoonGAN"

    def matches(self, state: StateDict) -> bool:
        """Compare names and shapes."""
        return shapes_of(state) == _shapes()

    def build(self, state: StateDict) -> tuple[keras.Model, str]:
        """Return the network."""
        image = keras.Input((None, None, 3), name="image")
        x = to_signed(image)
        x = convolution(state, _FIRST, ReflectionPadding2D(3)(x), is_bgr_in=True)
        x = keras.layers.ReLU()(_normalized(state, "in01_1", x))
        for halving, second, normalization in _SHRINKING:
            x = convolution(state, halving, keras.layers.ZeroPadding2D(1)(x), strides=2)
            x = convolution(state, second, x, padding="same")
            x = keras.layers.ReLU()(_normalized(state, normalization, x))
        for block in _BLOCKS:
            x = _residual(state, block, x)
        for doubling, second, normalization in _ENLARGING:
            x = convolution(state, second, doubling_convolution(state, doubling, x), padding="same")
            x = keras.layers.ReLU()(_normalized(state, normalization, x))
        x = picture_of_tanh(convolution(state, _LAST, ReflectionPadding2D(3)(x), is_bgr_out=True))
        # A strided convolution rounds an odd size up, so the result is as large as the input or a little larger.
        stylized = CropToMatch(name="crop")([x, image])
        return keras.Model(image, stylized, name="cartoon_gan"), "instance normalisation, as in PyTorch"

    def pictures(self, values: np.ndarray) -> np.ndarray:
        """Return pictures of the network's BGR in -1..1."""
        return (values[..., ::-1] + 1) / 2


def _normalized(state: StateDict, name: str, x: KerasTensor) -> KerasTensor:
    return instance_normalization(state, name, x, epsilon=_EPSILON, parameters=_PARAMETERS)


def _residual(state: StateDict, block: str, x: KerasTensor) -> KerasTensor:
    """Return `x` plus what two convolutions make of it."""
    change = convolution(state, f"conv{block}_1", ReflectionPadding2D(1)(x))
    change = keras.layers.ReLU()(_normalized(state, f"in{block}_1", change))
    change = convolution(state, f"conv{block}_2", ReflectionPadding2D(1)(change))
    return keras.layers.Add()([x, _normalized(state, f"in{block}_2", change)])


def _shapes() -> Shapes:
    narrow, wide, widest = _WIDTHS
    expected = convolution_shapes(_FIRST, 3, narrow, 7) | convolution_shapes(_LAST, narrow, 3, 7)
    normalizations = {"in01_1": narrow}
    for (first, second, normalization), inputs, outputs in zip(_SHRINKING, _WIDTHS, _WIDTHS[1:], strict=False):
        expected |= convolution_shapes(first, inputs, outputs, 3) | convolution_shapes(second, outputs, outputs, 3)
        normalizations[normalization] = outputs
    for block in _BLOCKS:
        for number in (1, 2):
            expected |= convolution_shapes(f"conv{block}_{number}", widest, widest, 3)
            normalizations[f"in{block}_{number}"] = widest
    for (first, second, normalization), inputs, outputs in zip(_ENLARGING, (widest, wide), (wide, narrow), strict=True):
        expected |= doubling_shapes(first, inputs, outputs, 3) | convolution_shapes(second, outputs, outputs, 3)
        normalizations[normalization] = outputs
    for name, width in normalizations.items():
        expected |= normalization_shapes(name, width, _PARAMETERS)
    return expected
