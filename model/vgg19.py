"""VGG-19's convolutional part as a descriptor, without its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import keras
from keras import ops

from errors import ArgumentError, unknown_name
from layers.vgg_preprocessing import VGG_MEAN, VGGPreprocessing
from model.layer_names import BLOCKS, LAYER_NAMES, resolve_layers
from model.padded_convolution import AxisModes, Padding, axis_modes, padded_convolution

Pooling = Literal["max", "average", "l2"]
VGG19_CONVOLUTIONS = tuple(number for number, _ in BLOCKS)
# Factors found by trial that give the mean (or root mean square times 2) of a window the size of its maximum.
POOLING_SCALES = {"max": 1.0, "average": 2.0, "l2": 0.78}


def vgg19(
    names: Sequence[str | int],
    *,
    pooling: Pooling = "max",
    rescale_pooling: bool = True,
    padding: Padding = "same",
    dtype: Any = None,
    convolutions: Sequence[int] = VGG19_CONVOLUTIONS,
    mean: Sequence[float] = VGG_MEAN,
) -> keras.Model:
    """Build VGG-19 up to the deepest of the layers `names`, with zero weights.

    The model takes images as this program keeps them, (batch, height, width, 3), RGB in [0, 1], of any size, and
    returns a dict: layer name (as in LAYER_NAMES) to activations (batch, height, width, channels). Poolings have 2x2
    windows and round odd sizes down, as in Keras and PyTorch (in Caffe they round up). The weights are frozen.

    Simonyan & Zisserman 2014, "Very Deep Convolutional Networks for Large-Scale Image Recognition". Average pooling is
    Gatys et al.'s; L2 pooling, the factors and replication in the first layer are Crowson's style-transfer-pytorch's.

    Args:
        names: what to return; see resolve_layer() for the names and positions that are understood.
        pooling: "max"; "average"; or "l2", the root of the sum of squares.
        rescale_pooling: multiply pooled activations by POOLING_SCALES, so that average and L2 pooling keep the size of
            activations that the weights were trained with. False gives the plain mean, as Gatys has it.
        padding: of the convolutions, one mode or (vertical, horizontal): "same" is zeros; "valid" none; "replicate" the
            edge pixel in the first layer and zeros in the others; "circular" the opposite edge in all, for textures
            that tile (seamless where height and width divide by 2 at every pooling).
        dtype: dtype policy of the layers after preprocessing, such as "bfloat16"; None is Keras' global one.
        convolutions: in each of the five blocks: (2, 2, 3, 3, 3) is VGG-16.
        mean: the mean pixel that the weights expect subtracted: blue, green, red, in 0..255.

    Raises:
        ArgumentError: an unknown layer, pooling or padding, or a layer that a network of these convolutions lacks.
    """
    wanted = resolve_layers(names)
    if pooling not in POOLING_SCALES:
        raise ArgumentError(unknown_name("pooling", pooling, POOLING_SCALES))
    pool = partial(_pool, pooling=pooling, scale=POOLING_SCALES[pooling] if rescale_pooling else 1.0)
    modes = axis_modes(padding)
    images = keras.Input((None, None, 3), dtype="float32", name="images")
    # In float32 whatever follows: a pixel minus the mean would lose half its digits in bfloat16.
    outputs = VGGPreprocessing(mean, name="preprocessing", dtype="float32")(images)
    found = {}
    for name in _layers_until(wanted, convolutions):
        outputs = found[name] = _add_layer(outputs, name, modes, pool, dtype)
    model = keras.Model(images, {name: found[name] for name in found if name in wanted}, name="vgg19")
    model.trainable = False
    return model


def _layers_until(wanted: Sequence[str], convolutions: Sequence[int]) -> list[str]:
    """Return the layers of a network with so many convolutions a block, up to the deepest of those wanted."""
    there = [name for name in LAYER_NAMES if _is_built(name, convolutions)]
    if lacking := sorted(set(wanted).difference(there)):
        raise ArgumentError(unknown_name(f"layer of a VGG-{sum(convolutions) + 3}", lacking[0], there))
    return there[: max(map(there.index, wanted), default=-1) + 1]


def _is_built(name: str, convolutions: Sequence[int]) -> bool:
    """Return whether a network with so many convolutions a block has the layer `name`, such as relu3_4."""
    return name.startswith("pool") or int(name.partition("_")[2]) <= convolutions[int(name[4]) - 1]


def _add_layer(inputs: Any, name: str, modes: AxisModes, pool: Callable[..., Any], dtype: Any) -> Any:
    if name.startswith("pool"):
        return pool(inputs, name=name, dtype=dtype)
    if name.startswith("relu"):
        return keras.layers.ReLU(name=name, dtype=dtype)(inputs)
    filters = BLOCKS[int(name[4]) - 1][1]
    return padded_convolution(inputs, filters, 3, _modes_of(name, modes), name=name, dtype=dtype)


def _modes_of(convolution: str, modes: AxisModes) -> AxisModes:
    """Return the padding modes of one convolution: only the first replicates its edge."""
    if convolution == "conv1_1":
        return modes
    vertical, horizontal = ("same" if mode == "replicate" else mode for mode in modes)
    return vertical, horizontal


def _pool(inputs: Any, *, pooling: Pooling, scale: float, name: str, dtype: Any) -> Any:
    """Return 2x2 windows' maxima, means or root sums of squares, times `scale`, in a layer called `name`."""
    if pooling == "max":
        return keras.layers.MaxPooling2D(2, name=name, dtype=dtype)(inputs)
    if pooling == "average" and scale == 1.0:
        return keras.layers.AveragePooling2D(2, name=name, dtype=dtype)(inputs)
    if pooling == "l2":
        mean = keras.layers.AveragePooling2D(2, dtype=dtype)(ops.square(inputs))
        # Most windows of rectified maps are all zero, where the root has no finite gradient.
        outputs = ops.sqrt(ops.maximum(mean, 1e-30))
        scale *= 2.0  # the sum of a window's squares is four times their mean
    else:
        outputs = keras.layers.AveragePooling2D(2, dtype=dtype)(inputs)
    return keras.layers.Rescaling(scale, name=name, dtype=dtype)(outputs)
