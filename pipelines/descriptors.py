"""The descriptor that a task asks for, with weights that this or another program wrote."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from choices import RANDOM_LAYER
from convert.foreign import PYTORCH_KINDS, name_foreign_file
from convert.pytorch.architectures.vgg import read_vgg_weights
from model.acceleration import accelerate_descriptor
from model.descriptor import FILES, DescriptorName, build_descriptor, mean_activation
from model.padded_convolution import Padding
from model.vgg19 import Pooling
from model.weights import DATA_DIR, WEIGHTS_VARIABLE, VGGWeights, find_weights

Weights = str | os.PathLike | VGGWeights | None


@dataclass(frozen=True)
class Descriptor:
    """Which network describes pictures, and in what it computes; it is built as often as it is needed.

    Attributes:
        layers: that it returns, by their resolved names.
        name: of the network; see `model.descriptor.build_descriptor`, as for all.
        pooling: "max", "average" or "l2".
        rescale_pooling: whether its poolings keep the activations' size.
        weights: file, weights that were read already, or None: they are looked for.
        data_dir: folder that is searched for weights.
        seed: of random filters.
        precision: "float32" or "bfloat16".
    """

    layers: tuple[str, ...]
    name: DescriptorName = "vgg19"
    pooling: Pooling = "max"
    rescale_pooling: bool = True
    weights: Weights = None
    data_dir: str | os.PathLike = DATA_DIR
    seed: int = 0
    precision: str = "float32"

    def build(self, padding: Padding, layers: Sequence[str] | None = None) -> keras.Model:
        """Build the network, with `padding` in its convolutions, up to the deepest of `layers` (None: all of them).

        Raises:
            UserError: the weights cannot be read.
        """
        model = build_descriptor(
            self.layers if layers is None else layers,
            descriptor=self.name,
            weights=descriptor_weights(self.weights),
            data_dir=self.data_dir,
            pooling=self.pooling,
            rescale_pooling=self.rescale_pooling,
            padding=padding,
            seed=self.seed,
            dtype=self.precision,
        )
        return accelerate_descriptor(model)

    def mean_activation(self, layer: str) -> float:
        """Return `model.descriptor.mean_activation` of a layer."""
        weights = descriptor_weights(self.weights)
        return mean_activation(layer, descriptor=self.name, pooling=self.pooling, weights=weights)

    def files(self) -> dict[str, Path]:
        """Return the file of the weights as "weights", found or downloaded; nothing where there is none.

        Raises:
            ArgumentError: there is no file of the name that is given.
            UserError: there are no weights, and they cannot be downloaded.
        """
        if self.name == RANDOM_LAYER or isinstance(self.weights, VGGWeights):
            return {}
        return {"weights": find_weights(self.weights, data_dir=self.data_dir, file_names=FILES[self.name])}

    def read(self) -> Descriptor:
        """Return the same with another program's weights read, which is done once however often it is built."""
        return replace(self, weights=descriptor_weights(self.weights))


def descriptor_weights(weights: Weights) -> Weights:
    """Return what model.descriptor.build_descriptor() takes as `weights` for the file that a user gave.

    VGG-19 and VGG-16 in a PyTorch or safetensors file are read here, with PyTorch's preprocessing, also where the
    environment variable TEXTURE_NETS_VGG19 names the file. Anything else, and None, is handed on.

    Raises:
        UserError: a PyTorch file cannot be read, or holds no VGG.
    """
    if isinstance(weights, VGGWeights):
        return weights
    path = weights if weights is not None else os.environ.get(WEIGHTS_VARIABLE)
    if path and Path(path).is_file() and name_foreign_file(path) in PYTORCH_KINDS:
        return read_vgg_weights(path)
    return weights
