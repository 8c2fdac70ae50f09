"""SRVGGNetCompact of Real-ESRGAN (Wang et al. 2021, 2107.10833)."""

from __future__ import annotations

import keras
import numpy as np

from convert.pytorch.registry import architecture
from convert.pytorch.state_dicts import StateDict
from convert.pytorch.weighted_layers import Shapes, convolution, convolution_shapes, plain, shapes_of, with_weights
from errors import counted
from layers import PixelShuffle2D

_CHANNELS, _SIDE = 3, 3
_MAX_CONVOLUTIONS = 200
_FACTORS = {_CHANNELS * factor**2: factor for factor in range(1, 9)}


@architecture
class SRVGGNetCompact:
    """Enlarges pictures: convolutions at their size, and the channels of the last become pixels.

    What they make is added to the picture, enlarged by nearest neighbours. Any width, number of convolutions and
    factor, with nn.PReLU between them. The network takes and returns RGB in [0, 1].
    """

    name = "SRVGGNetCompact of Real-ESRGAN"

    def matches(self, state: StateDict) -> bool:
        """Compare names and shapes with those of a network of this width."""
        return _shapes(state) == shapes_of(state)

    def build(self, state: StateDict) -> tuple[keras.Model, str]:
        """Return the network."""
        image = keras.Input((None, None, _CHANNELS), name="image")
        count = _count(state)
        x = image
        for place in range(0, 2 * count, 2):
            x = convolution(state, f"body.{place}", x, padding="same")
            slopes = keras.layers.PReLU(shared_axes=[1, 2], name=plain(f"body.{place + 1}"))
            x = with_weights(slopes, x, [state.array(f"body.{place + 1}.weight")[None, None]])
        x = convolution(state, f"body.{2 * count}", x, padding="same")
        factor = _FACTORS[x.shape[-1]]
        enlarged = keras.layers.UpSampling2D(factor, interpolation="nearest")(image) if factor > 1 else image
        x = keras.layers.Add()([PixelShuffle2D(factor)(x), enlarged])
        decided = f"{counted(count + 1, 'convolution')}, enlarges {factor} times"
        return keras.Model(image, x, name="srvgg_net_compact"), decided

    def pictures(self, values: np.ndarray) -> np.ndarray:
        """Return the pictures, which are in [0, 1] in PyTorch too."""
        return values


def _count(state: StateDict) -> int:
    """Return the number of convolutions with nn.PReLU after them, _MAX_CONVOLUTIONS for more than are allowed."""
    return state.count(lambda index: f"body.{2 * index + 1}.weight", _MAX_CONVOLUTIONS)


def _shapes(state: StateDict) -> Shapes | None:
    """Return the shapes of all tensors of a network of the width that `state` tells, None where it tells none."""
    count = _count(state)
    first, last = (state.shape(f"body.{place}.weight") for place in (0, 2 * count))
    if first is None or last is None or not len(first) == len(last) == 4 or last[0] not in _FACTORS:
        return None
    if not 0 < count < _MAX_CONVOLUTIONS:
        return None
    width = first[0]
    expected = convolution_shapes(f"body.{2 * count}", width, last[0], _SIDE)
    for index in range(count):
        expected |= convolution_shapes(f"body.{2 * index}", width if index else _CHANNELS, width, _SIDE)
        expected[f"body.{2 * index + 1}.weight"] = (width,)
    return expected
