"""The johnson generator in PyTorch, for comparison, with the weights of a Keras one."""

from __future__ import annotations

import keras
import numpy as np
import torch
from torch import nn


def _unit(convolution: nn.Module, filters: int, activate: bool = True) -> list[nn.Module]:
    normalization = nn.InstanceNorm2d(filters, eps=1e-5, affine=True)
    return [convolution, normalization, nn.ReLU()] if activate else [convolution, normalization]


def _convolution(inputs: int, filters: int, kernel: int, *, stride: int = 1, bias: bool = False) -> nn.Module:
    convolution = nn.Conv2d(inputs, filters, kernel, stride, bias=bias)
    return nn.Sequential(nn.ReplicationPad2d(kernel // 2), convolution)


class Residual(nn.Module):
    def __init__(self, filters: int) -> None:
        super().__init__()
        first = _unit(_convolution(filters, filters, 3), filters)
        self.change = nn.Sequential(*first, *_unit(_convolution(filters, filters, 3), filters, activate=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.change(x)


class Johnson(nn.Sequential):
    """The full-width generator with a sigmoid at its end, (batch, 3, height, width) in and out."""

    def __init__(self) -> None:
        layers = _unit(_convolution(3, 32, 9), 32)
        layers += _unit(_convolution(32, 64, 3, stride=2), 64)
        layers += _unit(_convolution(64, 128, 3, stride=2), 128)
        layers += [Residual(128) for _ in range(5)]
        for inputs, filters in ((128, 64), (64, 32)):
            enlarge = nn.ConvTranspose2d(inputs, filters, 3, 2, padding=1, output_padding=1, bias=False)
            layers += _unit(enlarge, filters)
        super().__init__(*layers, _convolution(32, 3, 3, bias=True), nn.Sigmoid())


def torch_johnson(model: keras.Model) -> Johnson:
    """Return PyTorch's network with the weights of `build_generator("johnson")`."""
    network = Johnson()
    ours = [weight for weight in model.get_weights() if weight.size]
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), ours, strict=True):
            # Kernels: Keras' (height, width, in, out), transposed ones (height, width, out, in), to PyTorch's order.
            value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))
    return network.eval()
