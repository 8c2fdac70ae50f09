"""Halving and doubling with a filter from the file, against aliasing (Zhang 2019, 1904.11486), as in CUT."""

from __future__ import annotations

import keras
import numpy as np
from keras import KerasTensor

from convert.pytorch.state_dicts import StateDict
from convert.pytorch.weighted_layers import Shapes, plain, with_weights
from layers import PaddedConv2DTranspose, ReflectionPadding2D, ReplicationPadding2D

_FILTER = "filt"
_HALVING_SIDE, _DOUBLING_SIDE = 3, 4


def blurred_half(state: StateDict, name: str, x: KerasTensor) -> KerasTensor:
    """Return every second row and column of `x`, blurred with reflected edges by the filter of the module `name`."""
    layer = keras.layers.DepthwiseConv2D(_HALVING_SIDE, strides=2, use_bias=False, name=plain(name))
    return with_weights(layer, ReflectionPadding2D(_HALVING_SIDE // 2)(x), [_kernel(state, name)])


def blurred_double(state: StateDict, name: str, x: KerasTensor) -> KerasTensor:
    """Return `x` twice as large, interpolated with repeated edges by the filter of the module `name`."""
    channels = x.shape[-1]
    # Of the full result, 2 n + 6 long: the padding by 1 makes 2 at either end, the filter's overlap 1.
    layer = PaddedConv2DTranspose(
        channels, _DOUBLING_SIDE, strides=2, padding=3, groups=channels, use_bias=False, name=plain(name)
    )
    return with_weights(layer, ReplicationPadding2D(1)(x), [_kernel(state, name).transpose(0, 1, 3, 2)])


def blurred_half_shapes(name: str, channels: int) -> Shapes:
    """Return the shape of the filter of a module that halves."""
    return {f"{name}.{_FILTER}": (channels, 1, _HALVING_SIDE, _HALVING_SIDE)}


def blurred_double_shapes(name: str, channels: int) -> Shapes:
    """Return the shape of the filter of a module that doubles."""
    return {f"{name}.{_FILTER}": (channels, 1, _DOUBLING_SIDE, _DOUBLING_SIDE)}


def is_blurred(state: StateDict, name: str) -> bool:
    """Return whether the module `name` has a filter."""
    return f"{name}.{_FILTER}" in state.tensors


def _kernel(state: StateDict, name: str) -> np.ndarray:
    """Return the filter: height, width, channels, 1."""
    return state.array(f"{name}.{_FILTER}").transpose(2, 3, 0, 1)
