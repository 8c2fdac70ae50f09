"""VGG-19 and VGG-16 (Simonyan & Zisserman 2014) in PyTorch's files: torchvision's, and the port of Gatys' programs."""

from __future__ import annotations

import os
from collections.abc import Sequence

import keras
import numpy as np

from convert.printable import printable
from convert.pytorch.reader import read_pytorch
from convert.pytorch.registry import architecture
from convert.pytorch.state_dicts import StateDict, find_state_dicts, parts_of
from errors import UserError
from layers.vgg_preprocessing import VGG_MEAN
from model.descriptor import is_imagenet_bias
from model.layer_names import BLOCKS
from model.vgg19 import VGG19_CONVOLUTIONS, Pooling, vgg19
from model.weights import VGGWeights, load_convolutions

VGG16_CONVOLUTIONS = (2, 2, 3, 3, 3)
SIDE = 3
EPSILON = 1e-5  # PyTorch's default for batch normalisation
_COUNTER = ".num_batches_tracked"

# torchvision's mean pixel and standard deviation: red, green, blue, in [0, 1].
TORCH_MEAN = (0.485, 0.456, 0.406)
TORCH_DEVIATION = (0.229, 0.224, 0.225)


class _VGG:
    """A VGG whose convolutions have the names of `layout`."""

    pooling: Pooling

    def layout(self, blocks: Sequence[int]) -> dict[str, str]:
        """Return the name in the file of each convolution conv1_1 ... of a network with so many a block."""
        raise NotImplementedError

    def weights(self, state: StateDict, source: str) -> VGGWeights:
        """Return the weights for a descriptor."""
        raise NotImplementedError

    def blocks(self, state: StateDict) -> tuple[int, ...] | None:
        """Return the number of convolutions in each block of the network in `state`, None if it is none of these."""
        for blocks in (VGG19_CONVOLUTIONS, VGG16_CONVOLUTIONS):
            expected: dict[str, tuple[int, ...]] = {}
            inputs = 3
            for name, stored in self.layout(blocks).items():
                filters = BLOCKS[int(name[4]) - 1][1]
                expected |= self.shapes(stored, inputs, filters)
                inputs = filters
            if {
                name: tensor.shape for name, tensor in state.tensors.items() if not name.endswith(_COUNTER)
            } == expected:
                return blocks
        return None

    def shapes(self, stored: str, inputs: int, filters: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the tensors that belong to the convolution `stored`."""
        return {f"{stored}.weight": (filters, inputs, SIDE, SIDE), f"{stored}.bias": (filters,)}

    def convolution(self, state: StateDict, stored: str) -> tuple[np.ndarray, np.ndarray]:
        """Return kernel (height, width, inputs, outputs) and bias of the convolution `stored`."""
        return state.array(f"{stored}.weight").transpose(2, 3, 1, 0), state.array(f"{stored}.bias")

    def matches(self, state: StateDict) -> bool:
        """Compare the tensors' names and shapes."""
        return self.blocks(state) is not None

    def build(self, state: StateDict) -> tuple[keras.Model, str]:
        """Return the convolutional part up to pool5, with the network's own preprocessing and pooling."""
        weights = self.weights(state, state.entry)
        model = vgg19(
            ["pool5"], pooling=self.pooling, rescale_pooling=False, convolutions=weights.blocks, mean=weights.mean
        )
        load_convolutions(model, weights)
        return model, f"VGG-{sum(weights.blocks) + 3} up to pool5, {self.pooling} pooling"


@architecture
class TorchvisionVGG(_VGG):
    """torchvision's networks, whose layers are numbered and which take pixels of unit variance.

    The authors' VGG-19 is around in the same form; it takes BGR in 0..255 and is known by its first bias.
    """

    name = "VGG-19 or VGG-16 of torchvision"
    pooling = "max"
    spacing = 2  # positions from one convolution to the next

    def layout(self, blocks: Sequence[int]) -> dict[str, str]:
        """Return the positions: each convolution is followed by its rectification, each block by its pooling."""
        names, position = {}, 0
        for block, number in enumerate(blocks, start=1):
            for index in range(1, number + 1):
                names[f"conv{block}_{index}"] = str(position)
                position += self.spacing
            position += 1
        return names

    def weights(self, state: StateDict, source: str) -> VGGWeights:
        """Return the weights; the first kernel takes BGR and divides by the standard deviation."""
        convolutions = _convolutions(self, state)
        kernel, bias = convolutions["conv1_1"]
        if is_imagenet_bias(bias):
            return VGGWeights(source, convolutions, VGG_MEAN)
        scaled = kernel / (255.0 * np.array(TORCH_DEVIATION)[:, None])
        convolutions["conv1_1"] = scaled[:, :, ::-1].astype(np.float32), bias
        red, green, blue = (255.0 * value for value in TORCH_MEAN)
        return VGGWeights(source, convolutions, (blue, green, red))


@architecture
class NormalizedTorchvisionVGG(TorchvisionVGG):
    """torchvision's networks with batch normalisation after each convolution, which becomes a part of it.

    The features conv1_1 ... are those after the normalisation.
    """

    name = "VGG-19 or VGG-16 of torchvision with batch normalisation"
    spacing = 3

    def shapes(self, stored: str, inputs: int, filters: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the convolution's and the normalisation's tensors."""
        own = {f"{_next(stored)}.{kind}": (filters,) for kind in ("weight", "bias", "running_mean", "running_var")}
        return super().shapes(stored, inputs, filters) | own

    def convolution(self, state: StateDict, stored: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the convolution with the normalisation's factors and offsets in it, as in evaluation."""
        kernel, bias = super().convolution(state, stored)
        scale, shift, mean, variance = (
            state.array(f"{_next(stored)}.{kind}").astype(np.float64)
            for kind in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + EPSILON)
        return (kernel * factor).astype(np.float32), ((bias - mean) * factor + shift).astype(np.float32)


def _next(position: str) -> str:
    return str(int(position) + 1)


@architecture
class GatysVGG(_VGG):
    """The port of Gatys' programs: named layers, normalised activations, average pooling, BGR in 0..255."""

    name = "VGG-19 or VGG-16 of the port of Gatys' programs"
    pooling = "average"

    def layout(self, blocks: Sequence[int]) -> dict[str, str]:
        """Return the names, which are those of the papers."""
        names = [f"conv{block}_{index}" for block, number in enumerate(blocks, 1) for index in range(1, number + 1)]
        return dict(zip(names, names, strict=True))

    def weights(self, state: StateDict, source: str) -> VGGWeights:
        """Return the weights as they are."""
        return VGGWeights(source, _convolutions(self, state), VGG_MEAN)


def _convolutions(network: _VGG, state: StateDict) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return kernel (height, width, inputs, outputs) and bias of each convolution."""
    return {
        name: network.convolution(state, stored) for name, stored in network.layout(network.blocks(state) or ()).items()
    }


def read_vgg_weights(path: str | os.PathLike) -> VGGWeights:
    """Return the weights for a descriptor in a PyTorch or safetensors file.

    Raises:
        UserError: the file cannot be read, or is no VGG-19 or VGG-16 of those that are known.
    """
    states = find_state_dicts(read_pytorch(path))
    for state in states:
        for part in parts_of(state):
            for network in (TorchvisionVGG(), NormalizedTorchvisionVGG(), GatysVGG()):
                if network.matches(part):
                    try:
                        return network.weights(part, str(path))
                    except UserError as error:
                        raise UserError(f"{path}: {error}") from error
    names = sorted(printable(name) for state in states for name in state.tensors)
    raise UserError(
        f"{path}: no VGG-19 or VGG-16 of torchvision or of the port of Gatys' programs "
        f"(its tensors: {', '.join(names[:4]) or 'none'} ...)"
    )
