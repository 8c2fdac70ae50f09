"""VGG-19 and VGG-16 (Simonyan & Zisserman 2014) in PyTorch's files: torchvision's, and the ports of other programs.

A file may hold the first layers alone, as programs save them that use no others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import product

import keras
import numpy as np

from convert.printable import printable
from convert.pytorch.picture_values import TORCH_DEVIATION, TORCH_MEAN
from convert.pytorch.reader import read_pytorch
from convert.pytorch.registry import architecture
from convert.pytorch.state_dicts import StateDict, find_state_dicts, join, parts_of
from errors import ArgumentError, UserError
from layers.vgg_preprocessing import VGG_MEAN
from model.descriptor import is_imagenet_bias
from model.layer_names import BLOCKS
from model.vgg19 import VGG19_CONVOLUTIONS, Pooling, vgg19
from model.weights import VGGWeights, load_convolutions

VGG16_CONVOLUTIONS = (2, 2, 3, 3, 3)
SIDE, CHANNELS = 3, 3  # of a kernel, of a picture
EPSILON = 1e-5  # PyTorch's default for batch normalisation
_COUNTER = ".num_batches_tracked"
# Fewer are not known from other networks; the third one's name tells that there is a pooling.
MIN_CONVOLUTIONS = 3
# The first biases of the authors' VGG-16, which takes BGR in 0..255.
VGG16_BIAS = (0.734298, 0.093404, 0.067757, 0.886297, 0.259945, 0.664267, -0.015829, 0.324907, 0.686007, 0.062479)


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
        """Return the number of convolutions in each block of the network in `state`, None if it is none of these.

        `state` may hold the first layers alone. Where they are those of both networks, it is taken for VGG-19.
        """
        found = {name: tensor.shape for name, tensor in state.tensors.items() if not name.endswith(_COUNTER)}
        for blocks in (VGG19_CONVOLUTIONS, VGG16_CONVOLUTIONS):
            for number, expected in enumerate(self._shapes_until(blocks), start=1):
                if number >= MIN_CONVOLUTIONS and found == expected:
                    return blocks
        return None

    def _shapes_until(self, blocks: Sequence[int]) -> Iterator[dict[str, tuple[int, ...]]]:
        """Yield the shapes of the tensors up to each convolution of a network with so many a block."""
        expected, inputs = self.own_shapes(), CHANNELS
        for name, stored in self.layout(blocks).items():
            filters = BLOCKS[int(name[4]) - 1][1]
            expected |= self.shapes(stored, inputs, filters)
            inputs = filters
            yield expected

    def fault(self, state: StateDict) -> str | None:
        """Return what is wrong with the first wrong tensor, where most of a whole network are there; else None."""
        for blocks in (VGG19_CONVOLUTIONS, VGG16_CONVOLUTIONS):
            *_, expected = self._shapes_until(blocks)
            wrong = [name for name, shape in expected.items() if state.shape(name) != shape]
            if wrong and len(wrong) < len(expected) / 2:
                place, found = printable(join(state.entry, wrong[0])), state.shape(wrong[0])
                if found is None:
                    return f"tensor {place} is missing"
                return f"tensor {place} has the shape {found}, VGG-{sum(blocks) + 3}'s is {expected[wrong[0]]}"
        return None

    def own_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of tensors that belong to no convolution of the paper's."""
        return {}

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
        """Return the convolutional part, as far as it is there, with the network's own preprocessing and pooling."""
        weights = self.weights(state, state.entry)
        complete = len(weights.convolutions) == sum(weights.blocks)
        last = "pool5" if complete else list(weights.convolutions)[-1].replace("conv", "relu")
        model = vgg19(
            [last], pooling=self.pooling, rescale_pooling=False, convolutions=weights.blocks, mean=weights.mean
        )
        load_convolutions(model, weights)
        return model, f"VGG-{sum(weights.blocks) + 3} up to {last}, {self.pooling} pooling"

    def pictures(self, values: np.ndarray) -> np.ndarray:
        """Refuse: features are no pictures."""
        raise ArgumentError("`verify` is for networks that return pictures, which a VGG does not")

    def read(self, state: StateDict) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], tuple[int, ...]]:
        """Return kernel and bias of each convolution that is there, and the number in each block of the network."""
        blocks = self.blocks(state) or ()
        there = {n: stored for n, stored in self.layout(blocks).items() if f"{stored}.weight" in state.tensors}
        return {name: self.convolution(state, stored) for name, stored in there.items()}, blocks


@architecture
class TorchvisionVGG(_VGG):
    """torchvision's networks, whose layers are numbered and which take pixels of unit variance.

    The authors' networks are around in the same form; they take BGR in 0..255 and are known by their first bias.
    """

    name = "VGG-19 or VGG-16 of torchvision"
    pooling = "max"
    first = 0  # position of the first convolution
    spacing = 2  # positions from one to the next

    def layout(self, blocks: Sequence[int]) -> dict[str, str]:
        """Return the positions: each convolution is followed by its rectification, each block by its pooling."""
        names, position = {}, self.first
        for block, number in enumerate(blocks, start=1):
            for index in range(1, number + 1):
                names[f"conv{block}_{index}"] = str(position)
                position += self.spacing
            position += 1
        return names

    def weights(self, state: StateDict, source: str) -> VGGWeights:
        """Return the weights; the first kernel takes BGR and divides by the standard deviation."""
        convolutions, blocks = self.read(state)
        kernel, bias = convolutions["conv1_1"]
        if is_imagenet_bias(bias) or np.allclose(bias[: len(VGG16_BIAS)], VGG16_BIAS, rtol=0.02, atol=1e-3):
            return VGGWeights(source, convolutions, blocks)
        scaled = kernel / (255.0 * np.array(TORCH_DEVIATION)[:, None])
        convolutions["conv1_1"] = scaled[:, :, ::-1].astype(np.float32), bias
        red, green, blue = (255.0 * value for value in TORCH_MEAN)
        return VGGWeights(source, convolutions, blocks, (blue, green, red))


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
        """Return the weights as they are: normalised, unless they are those of the authors' VGG-19."""
        convolutions, blocks = self.read(state)
        return VGGWeights(source, convolutions, blocks, normalized=not is_imagenet_bias(convolutions["conv1_1"][1]))


class AdaINVGG(TorchvisionVGG):
    """The VGG-19 of the programs for adaptive instance normalisation, with activations divided by their means.

    A convolution of 1 x 1 pixels, which turns RGB in [0, 1] to BGR in 0..255 minus the mean, comes first; paddings have
    positions of their own. A descriptor pads as it is told. The programs' network reflects the picture at its edges and
    rounds the sizes of poolings up, which a file of weights does not tell: it is not imported as a network.
    """

    name = "normalised VGG-19 of the programs for adaptive instance normalisation"
    first = 2
    spacing = 3

    def own_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the convolution for the preprocessing."""
        return {"0.weight": (CHANNELS, CHANNELS, 1, 1), "0.bias": (CHANNELS,)}

    def weights(self, state: StateDict, source: str) -> VGGWeights:
        """Return the weights as they are, after a check of the preprocessing."""
        kernel, bias = state.array("0.weight")[..., 0, 0], state.array("0.bias")
        if not (
            np.allclose(kernel, 255 * np.eye(CHANNELS)[::-1]) and np.allclose(bias, -np.array(VGG_MEAN), atol=0.01)
        ):
            raise UserError("its first convolution is another preprocessing than that of the authors' VGG-19")
        return VGGWeights(source, *self.read(state), normalized=True)


def read_vgg_weights(path: str | os.PathLike) -> VGGWeights:
    """Return the weights for a descriptor in a PyTorch or safetensors file.

    Raises:
        UserError: the file cannot be read, or is no VGG-19 or VGG-16 of those that are known.
    """
    states = find_state_dicts(read_pytorch(path))
    parts = [part for state in states for part in parts_of(state)]
    networks = (TorchvisionVGG(), NormalizedTorchvisionVGG(), AdaINVGG(), GatysVGG())
    for part, network in product(parts, networks):
        if network.matches(part):
            try:
                return network.weights(part, str(path))
            except UserError as error:
                raise UserError(f"{path}: {error}") from error
    for part, network in product(parts, networks):
        if (fault := network.fault(part)) is not None:
            raise UserError(f"{path}: {fault}")
    names = sorted(printable(name) for state in states for name in state.tensors)
    raise UserError(
        f"{path}: not a VGG-19 or VGG-16 of torchvision or of the ports of Gatys' programs or of adaptive "
        f"instance normalization (its tensors: {', '.join(names[:4]) or 'none'} ...)"
    )
