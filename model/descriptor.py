"""The descriptor by name: which network, from which weights, returning which layers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from choices import DESCRIPTORS, RANDOM_LAYER
from errors import ArgumentError, unknown_name
from layers.vgg_preprocessing import VGG_MEAN
from model.layer_names import LAYER_NAMES
from model.normalization import divide_activations
from model.padded_convolution import Padding
from model.random_filters import random_filters
from model.vgg19 import POOLING_SCALES, Pooling, vgg19
from model.weights import DATA_DIR, VGG19_FILES, VGGWeights, find_weights, load_convolutions

DescriptorName = Literal["vgg19", "vgg19-normalized", "random"]
# Looked for in the data folder before the files of plain weights; the last two are those of the texture
# script that this program replaces.
NORMALIZED_FILES = ("vgg19_normalized.keras", "gatys_valid.h5", "gatys_same.h5")
FILES = {"vgg19": VGG19_FILES, "vgg19-normalized": (*NORMALIZED_FILES, *VGG19_FILES)}
# Mean activations of the ImageNet VGG-19 over 300 ImageNet photos (shorter side 288), by
# mean_activations(), for each pooling without rescaling: arrays "max/conv1_1" ...; and "bias", by which the
# network is known.
_MEANS = Path(__file__).with_name("vgg19_mean_activations.npz")


def build_descriptor(
    layers: Sequence[str | int],
    *,
    descriptor: DescriptorName = "vgg19",
    weights: str | os.PathLike | VGGWeights | None = None,
    data_dir: str | os.PathLike = DATA_DIR,
    pooling: Pooling = "max",
    rescale_pooling: bool = True,
    padding: Padding = "same",
    seed: int = 0,
    dtype: Any = None,
) -> keras.Model:
    """Build a descriptor with its weights: images in, a dict of layer name to activations out.

    The model takes (batch, height, width, 3), RGB in [0, 1], of any size, and returns {name: (batch, height, width,
    channels)} for the layers asked for, named as by resolve_layers(); nothing deeper is built. The weights are frozen.

    Args:
        layers: names or positions as resolve_layer() understands them; only "random" for the random
            descriptor.
        descriptor: "vgg19"; "vgg19-normalized", whose filters' mean activation over photos is 1 (weights of
            the ImageNet network are normalised here, by means that come with the program; any others count
            as normalised already); or "random", filters that need no file.
        weights: their file; None looks for one, see find_weights(). Or those of VGG-19 or VGG-16, read already.
        data_dir: folder of weights.
        pooling: see vgg19(), as for the next two; the random descriptor has none.
        rescale_pooling: whether average and L2 pooling keep the activations' size.
        padding: at the picture's edges, in every convolution.
        seed: from which random filters are drawn.
        dtype: dtype policy of the layers after preprocessing, such as "bfloat16"; None is Keras' global one.

    Raises:
        ArgumentError: an unknown descriptor, layer, pooling or padding.
        UserError: there are no weights, or the file is not theirs.
    """
    if descriptor not in DESCRIPTORS:
        raise ArgumentError(unknown_name("descriptor", descriptor, DESCRIPTORS))
    if descriptor == "random":
        return _random_descriptor(layers, seed=seed, padding=padding, dtype=dtype)
    options: dict[str, Any] = {"pooling": pooling, "rescale_pooling": rescale_pooling, "padding": padding}
    if isinstance(weights, VGGWeights):
        options |= {"convolutions": weights.blocks, "mean": weights.mean}
        _check_means(descriptor, weights)
    else:
        weights = find_weights(weights, data_dir=data_dir, file_names=FILES[descriptor])
    model = vgg19(layers, dtype=dtype, **options)
    load_convolutions(model, weights)
    if descriptor == "vgg19-normalized":
        _normalize(model, pooling, POOLING_SCALES[pooling] if rescale_pooling else 1.0)
    return model


def _random_descriptor(layers: Sequence[str | int], **options: Any) -> keras.Model:
    if list(layers) != [RANDOM_LAYER]:
        raise ArgumentError(f"the random descriptor has a single layer, {RANDOM_LAYER!r}, not {list(layers)}")
    return random_filters(**options)


def _check_means(descriptor: DescriptorName, weights: VGGWeights) -> None:
    """Raise ArgumentError where weights are to be normalised whose mean activations are not known."""
    is_known = weights.normalized or is_imagenet_bias(weights.convolutions["conv1_1"][1])
    if descriptor == "vgg19-normalized" and (weights.mean != VGG_MEAN or not is_known):
        raise ArgumentError(
            f"`descriptor` vgg19-normalized: no mean activations are known for the weights in {weights.source}; "
            "use vgg19"
        )


def mean_activation(
    layer: str,
    *,
    descriptor: DescriptorName,
    pooling: Pooling,
    weights: str | os.PathLike | VGGWeights | None = None,
) -> float:
    """Return the mean activation over photos and filters of the last convolution up to `layer`, rectified.

    That of the ImageNet weights with rescaled pooling for "vgg19", 1 for the others (random filters are not far off,
    nor are weights that take pixels of unit variance, as PyTorch's).

    Args:
        layer: a name of LAYER_NAMES, or of the random descriptor.
        descriptor: see build_descriptor().
        pooling: see vgg19().
        weights: those of the descriptor, see build_descriptor().
    """
    if descriptor != "vgg19":
        return 1.0
    if isinstance(weights, VGGWeights) and (weights.normalized or weights.mean != VGG_MEAN):
        return 1.0
    below = [name for name in LAYER_NAMES[: LAYER_NAMES.index(layer) + 1] if name.startswith("conv")]
    with np.load(_MEANS) as known:
        return float(_rescaled_means(known, pooling, POOLING_SCALES[pooling])[below[-1]].mean())


def _normalize(model: keras.Model, pooling: Pooling, scale: float) -> None:
    """Divide the activations of the ImageNet network by its known means; leave other weights alone."""
    if is_imagenet_bias(ops.convert_to_numpy(model.get_layer("conv1_1").bias).astype("float32")):
        with np.load(_MEANS) as known:
            divide_activations(model, _rescaled_means(known, pooling, scale))


def is_imagenet_bias(bias: np.ndarray) -> bool:
    """Return whether `bias` (64,), of conv1_1, is that of the authors' VGG-19, which takes BGR in 0..255."""
    with np.load(_MEANS) as known:
        # Loose enough for bfloat16, far from any normalised bias.
        return np.allclose(bias, known["bias"], rtol=0.02, atol=1e-3)


def _rescaled_means(known: Mapping[str, np.ndarray], pooling: str, scale: float) -> dict[str, np.ndarray]:
    """Return the means of the network whose poolings multiply by `scale`.

    Beside pixels of 0..255 the biases hardly matter: activations grow in proportion at every pooling.
    """
    prefix = f"{pooling}/"
    names = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
    return {name: known[prefix + name] * scale ** (int(name[4]) - 1) for name in names}
