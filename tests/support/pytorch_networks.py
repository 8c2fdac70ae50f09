"""Networks of PyTorch, written after the descriptions of their authors, that write the files which tests read."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


class Convolution(nn.Module):
    """A convolution after an enlargement by nearest neighbours, if any, and padding by reflection."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: int = 1, enlarge: int = 1) -> None:
        super().__init__()
        self.enlarge = enlarge
        self.reflection_pad = nn.ReflectionPad2d(side // 2)
        self.conv2d = nn.Conv2d(inputs, outputs, side, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.enlarge > 1:
            x = nn.functional.interpolate(x, mode="nearest", scale_factor=self.enlarge)
        return self.conv2d(self.reflection_pad(x))


class Residual(nn.Module):
    def __init__(self, channels: int, statistics: bool) -> None:
        super().__init__()
        self.conv1, self.in1 = Convolution(channels, channels, 3), norm(channels, statistics)
        self.conv2, self.in2 = Convolution(channels, channels, 3), norm(channels, statistics)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.in2(self.conv2(torch.relu(self.in1(self.conv1(x)))))


class TransformerNet(nn.Module):
    """The generator of PyTorch's fast_neural_style example: RGB in 0..255 in and out, NCHW."""

    def __init__(self, width: int = 3, blocks: int = 2, statistics: bool = False, last: int = 9) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width]
        self.conv1, self.in1 = Convolution(3, width, 9), norm(width, statistics)
        self.conv2, self.in2 = Convolution(*widths[:2], 3, stride=2), norm(widths[1], statistics)
        self.conv3, self.in3 = Convolution(*widths[1:], 3, stride=2), norm(widths[2], statistics)
        self.blocks = [f"res{index}" for index in range(1, blocks + 1)]
        for name in self.blocks:
            self.add_module(name, Residual(widths[2], statistics))
        self.deconv1, self.in4 = Convolution(widths[2], widths[1], 3, enlarge=2), norm(widths[1], statistics)
        self.deconv2, self.in5 = Convolution(widths[1], width, 3, enlarge=2), norm(width, statistics)
        self.deconv3 = Convolution(width, 3, last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for index in (1, 2, 3):
            x = self._unit(x, f"conv{index}", f"in{index}")
        for name in self.blocks:
            x = getattr(self, name)(x)
        x = self._unit(self._unit(x, "deconv1", "in4"), "deconv2", "in5")
        return self.deconv3(x)

    def _unit(self, x: torch.Tensor, convolution: str, normalization: str) -> torch.Tensor:
        return torch.relu(getattr(self, normalization)(getattr(self, convolution)(x)))


def norm(channels: int, statistics: bool) -> nn.Module:
    return nn.InstanceNorm2d(channels, affine=True, track_running_stats=statistics)


def trained(network: nn.Module, seed: int = 0) -> nn.Module:
    """Return `network` with random weights and, where it keeps them, statistics of random pictures; evaluating."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
        network.train()
        network(torch.rand(2, 3, 32, 32, generator=generator) * 255)
    return network.eval()


def pictures(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return two pictures, NHWC in [0, 1]."""
    return np.random.default_rng(seed).random((2, height, width, 3), dtype=np.float32)


def stylized(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return what a network of RGB in 0..255 makes of `images`, both NHWC in [0, 1]."""
    with torch.no_grad():
        outputs = network(torch.from_numpy(images * 255).permute(0, 3, 1, 2))
    return outputs.permute(0, 2, 3, 1).numpy()[:, : images.shape[1], : images.shape[2]] / 255


VGG19 = (2, 2, 4, 4, 4)
VGG16 = (2, 2, 3, 3, 3)


def vgg(blocks: tuple[int, ...], *, average: bool = False) -> nn.Sequential:
    """Return the convolutional part of a VGG as torchvision numbers its layers, with random weights."""
    layers: list[nn.Module] = []
    inputs = 3
    for number, filters in zip(blocks, (64, 128, 256, 512, 512), strict=True):
        for _ in range(number):
            layers += [nn.Conv2d(inputs, filters, 3, padding=1), nn.ReLU()]
            inputs = filters
        layers.append(nn.AvgPool2d(2) if average else nn.MaxPool2d(2))
    network = nn.Sequential(*layers)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            deviation = (2 / parameter[0].numel()) ** 0.5 if parameter.ndim == 4 else 0.1
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * deviation)
    return network
