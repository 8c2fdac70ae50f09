"""TransformerNet of PyTorch's fast_neural_style example (Johnson et al. 2016, 1603.08155)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
from keras import KerasTensor

from convert.pytorch.picture_values import TORCH_DEVIATION, TORCH_MEAN, Layers, byte_values, imagenet_values
from convert.pytorch.registry import architecture
from convert.pytorch.state_dicts import StateDict
from convert.pytorch.weighted_layers import Shapes, convolution, plain, with_weights
from layers import CropToMatch, InstanceNormalization, ReflectionPadding2D

CHANNELS = 3
FIRST, LAST = "conv1", "deconv3"
_MAX_BLOCKS = 100
_STATISTICS = ("running_mean", "running_var")
_COUNTER = "num_batches_tracked"


@architecture
class TransformerNet:
    """Three convolutions, residual blocks, two enlargements by nearest neighbours, a last convolution.

    Any widths, kernel sizes and number of blocks. The network takes and returns RGB in 0..255.
    """

    name = "TransformerNet of PyTorch's fast_neural_style example"
    factors, offsets = "weight", "bias"  # names of a normalisation's
    epsilon = 1e-5  # PyTorch's default for its normalisations
    is_bgr = False

    def stored(self, convolution: str) -> str:
        """Return the name in the file of a convolution."""
        return f"{convolution}.conv2d"

    def values(self) -> Layers:
        """Return the layers from pictures in [0, 1] to what the network takes, and from what it makes to pictures."""
        return byte_values()

    def pictures(self, values: np.ndarray) -> np.ndarray:
        """Return pictures of the network's 0..255."""
        return (values[..., ::-1] if self.is_bgr else values) / 255

    def matches(self, state: StateDict) -> bool:
        """Compare names and shapes with those of a network of these widths."""
        expected = _shapes(state, self)
        found = {name: tensor.shape for name, tensor in state.tensors.items() if not _is_statistic(name)}
        return expected is not None and found == expected and _statistics_fit(state, expected)

    def build(self, state: StateDict) -> tuple[keras.Model, str]:
        """Return the network; instance normalisation uses a picture's own statistics unless the file tracked others."""
        builder = _Builder(state, _tracks_statistics(state), self)
        image = keras.Input((None, None, CHANNELS), name="image")
        before, after = self.values()
        x = before(image)
        for index, stride in enumerate((1, 2, 2), start=1):
            x = builder.unit(x, f"conv{index}", f"in{index}", stride=stride)
        for index in range(1, _blocks(state) + 1):
            x = builder.residual(x, f"res{index}")
        for index in (1, 2):
            x = keras.layers.UpSampling2D(2, interpolation="nearest", name=f"deconv{index}_upsample")(x)
            x = builder.unit(x, f"deconv{index}", f"in{index + 3}")
        x = after(builder.convolution(x, LAST))
        # A strided convolution rounds an odd size up, so the result is as large as the input or a little larger.
        stylized = CropToMatch(name="crop")([x, image])
        source = "running statistics" if builder.tracked else "statistics of each picture"
        return keras.Model(image, stylized, name="transformer_net"), f"instance normalisation with {source}"


@architecture
class EarlyTransformerNet(TransformerNet):
    """The example's first version, of 2017: normalisations of its own, BGR in 0..255.

    The first and the last convolution are changed to take and return RGB.
    """

    name = "TransformerNet of the first version of that example, whose normalisations have scale and shift"
    factors, offsets = "scale", "shift"
    epsilon = 1e-9
    is_bgr = True


@architecture
class NormalizedTransformerNet(TransformerNet):
    """The network of pytorch-neural-style-transfer-johnson: pixels of ImageNet's mean and deviation in and out."""

    name = "TransformerNet of pytorch-neural-style-transfer-johnson"

    def stored(self, convolution: str) -> str:
        """Return the name in the file: the last convolutions are called up1, up2 and up3, the first two wrapped."""
        inner = convolution.replace("deconv", "up")
        return f"{inner}.conv2d.conv2d" if inner in ("up1", "up2") else f"{inner}.conv2d"

    def values(self) -> Layers:
        """Return the layers to pixels of unit variance and back."""
        return imagenet_values()

    def pictures(self, values: np.ndarray) -> np.ndarray:
        """Return pictures of the network's pixels of unit variance."""
        return values * np.array(TORCH_DEVIATION, np.float32) + np.array(TORCH_MEAN, np.float32)


@dataclass
class _Builder:
    """Makes the layers of one network; `tracked`: normalisations use the running statistics of the file."""

    state: StateDict
    tracked: bool
    kind: TransformerNet

    def convolution(self, x: KerasTensor, name: str, stride: int = 1) -> KerasTensor:
        """Return `x` padded by reflection and convolved."""
        stored = self.kind.stored(name)
        side = self.state.tensors[f"{stored}.weight"].shape[-1]
        padded = ReflectionPadding2D(side // 2, name=f"{plain(name)}_pad")(x)
        is_bgr = self.kind.is_bgr
        return convolution(
            self.state,
            stored,
            padded,
            strides=stride,
            is_bgr_in=is_bgr and name == FIRST,
            is_bgr_out=is_bgr and name == LAST,
            layer_name=plain(name),
        )

    def normalization(self, x: KerasTensor, name: str) -> KerasTensor:
        """Return `x` normalised."""
        make = keras.layers.BatchNormalization if self.tracked else InstanceNormalization
        kinds = (self.kind.factors, self.kind.offsets, *(_STATISTICS if self.tracked else ()))
        weights = [self.state.array(f"{name}.{kind}") for kind in kinds]
        return with_weights(make(epsilon=self.kind.epsilon, name=plain(name)), x, weights)

    def unit(self, x: KerasTensor, convolution: str, normalization: str, stride: int = 1) -> KerasTensor:
        """Return `x` convolved, normalised and rectified."""
        x = self.normalization(self.convolution(x, convolution, stride), normalization)
        return keras.layers.ReLU(name=f"{plain(normalization)}_relu")(x)

    def residual(self, x: KerasTensor, name: str) -> KerasTensor:
        """Return `x` plus what two convolutions make of it."""
        change = self.unit(x, f"{name}.conv1", f"{name}.in1")
        change = self.normalization(self.convolution(change, f"{name}.conv2"), f"{name}.in2")
        return keras.layers.Add(name=f"{name}_sum")([x, change])


def _blocks(state: StateDict) -> int:
    return state.count(lambda block: f"res{block + 1}.conv1.conv2d.weight", _MAX_BLOCKS)


def _units(state: StateDict) -> Iterator[tuple[str, str | None]]:
    """Yield the names of the convolutions in their order, with those of the normalisations after them."""
    for index in (1, 2, 3):
        yield f"conv{index}", f"in{index}"
    for index in range(1, _blocks(state) + 1):
        yield f"res{index}.conv1", f"res{index}.in1"
        yield f"res{index}.conv2", f"res{index}.in2"
    yield "deconv1", "in4"
    yield "deconv2", "in5"
    yield LAST, None


def _shapes(state: StateDict, kind: TransformerNet) -> Shapes | None:
    """Return the shapes of all tensors of a network with the widths that `state` tells, None where it tells none."""
    names = ("conv1", "conv2", "conv3", "deconv1", "deconv2")
    sizes = [state.shape(f"{kind.stored(name)}.weight") for name in names]
    if (
        any(size is None or len(size) != 4 for size in sizes)
        or f"res{_MAX_BLOCKS}.conv1.conv2d.weight" in state.tensors
    ):
        return None
    expected: Shapes = {}
    inputs, fixed = CHANNELS, {LAST: CHANNELS}
    for name, normalization in _units(state):
        stored = kind.stored(name)
        size = state.shape(f"{stored}.weight")
        if size is None or len(size) != 4 or size[2] % 2 == 0:
            return None
        outputs = fixed.get(name, inputs if name.startswith("res") else size[0])
        expected[f"{stored}.weight"] = (outputs, inputs, size[2], size[2])
        expected[f"{stored}.bias"] = (outputs,)
        if normalization is not None:
            expected |= {f"{normalization}.{part}": (outputs,) for part in (kind.factors, kind.offsets)}
        inputs = outputs
    return expected


def _is_statistic(name: str) -> bool:
    return name.rpartition(".")[2] in (*_STATISTICS, _COUNTER)


def _statistics_fit(state: StateDict, expected: Shapes) -> bool:
    """Return whether running statistics, if there are any, stand beside a normalisation and have its shape."""
    for name, tensor in state.tensors.items():
        module, _, kind = name.rpartition(".")
        if kind in _STATISTICS and tensor.shape != expected.get(f"{module}.weight"):
            return False
        if kind == _COUNTER and (tensor.shape != () or f"{module}.weight" not in expected):
            return False
    return True


def _tracks_statistics(state: StateDict) -> bool:
    """Return whether the network normalises with the running statistics in the file.

    PyTorch before 0.4 wrote running statistics for every instance normalisation and used none of them. Since then
    they are there only where they are used, and the file tells versions of modules; since 0.4.1 a counter is beside
    them.
    """
    if "in1.running_mean" not in state.tensors:
        return False
    return f"in1.{_COUNTER}" in state.tensors or state.versions.get("in1", 0) >= 1
