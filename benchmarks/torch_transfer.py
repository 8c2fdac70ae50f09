"""Style transfer in PyTorch alone, the way Crowson's style-transfer-pytorch works: the peer of `style_transfer.py`.

VGG-19 to relu5_1 with the first layer padded by replication, content at relu4_2, Wasserstein-2 losses at five layers
with 12 Newton-Schulz and 12 Lyapunov iterations, total variation, Adam, a running average. It shares no code with the
program.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
import torch
from torch import nn
from torch.nn import functional

BLOCKS = (2, 2, 4, 4, 1)
STYLE = {"relu1_1": 256 / 341, "relu2_1": 64 / 341, "relu3_1": 16 / 341, "relu4_1": 4 / 341, "relu5_1": 1 / 341}
CONTENT = "relu4_2"
CONTENT_WEIGHT, TV_WEIGHT, STEP_SIZE, AVERAGE_DECAY = 0.015, 2.0, 0.02, 0.99
# The original feeds pixels divided by about 0.226; this network's weights are for 0..255.
ACTIVATION_SCALE = 1 / (255 * 0.226)


class Features(nn.Module):
    """Pictures (1, 3, height, width) to activations by layer."""

    mean: torch.Tensor

    def __init__(self, weights: str | os.PathLike) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for name, layer in vgg19_layers(weights):
            self.layers.add_module(name, layer)
        self.register_buffer("mean", torch.tensor([103.939, 116.779, 123.68])[:, None, None])
        self.requires_grad_(False)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        x, found = images.flip(1) * 255 - self.mean, {}
        for name, layer in self.layers.named_children():
            x = layer(x)
            if name in STYLE or name == CONTENT:
                found[name] = x
        return found


def vgg19_layers(weights: str | os.PathLike) -> Iterator[tuple[str, nn.Module]]:
    """Yield VGG-19's layers with their weights, from a file in the layout of keras.applications."""
    with h5py.File(weights) as file:
        for block, convolutions in enumerate(BLOCKS, start=1):
            for i in range(1, convolutions + 1):
                group = file[f"block{block}_conv{i}"]
                kernel, bias = (torch.tensor(group[name][:]) for name in group.attrs["weight_names"])
                before, after = kernel.shape[2:]
                first = (block, i) == (1, 1)
                layer = nn.Conv2d(before, after, 3, padding=1, padding_mode="replicate" if first else "zeros")
                layer.load_state_dict({"weight": kernel.permute(3, 2, 0, 1).contiguous(), "bias": bias})
                yield f"conv{block}_{i}", layer
                yield f"relu{block}_{i}", nn.ReLU(inplace=True)
            yield f"pool{block}", nn.MaxPool2d(2)


class MatrixRoot(torch.autograd.Function):
    """The square root of a matrix, and its gradient without differentiating through the iterations."""

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, matrix: torch.Tensor) -> torch.Tensor:
        norm = matrix.pow(2).sum().sqrt()
        threefold, inverse = 3 * torch.eye(len(matrix)), torch.eye(len(matrix))
        root = matrix / norm
        for _ in range(12):
            step = (threefold - inverse @ root) / 2
            root, inverse = root @ step, step @ inverse
        root = root * norm.sqrt()
        context.save_for_backward(root)
        return root

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:
        (root,) = context.saved_tensors
        norm = root.pow(2).sum().sqrt()
        threefold = 3 * torch.eye(len(root))
        base, solution = root / norm, gradient / norm
        for i in range(12):
            step = threefold - base @ base
            solution = (solution @ step - base.T @ (base.T @ solution - solution @ base)) / 2
            base = base @ step / 2 if i < 11 else base
        return solution / 2


class Wasserstein(nn.Module):
    """The squared Wasserstein-2 distance of features to the Gaussian of others."""

    def __init__(self, target: torch.Tensor) -> None:
        super().__init__()
        self.mean, self.covariance = self.statistics(target)
        self.root = MatrixRoot.apply(self.covariance)

    @staticmethod
    def statistics(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        flat = features[0].flatten(1)
        mean = flat.mean(1)
        return mean, flat @ flat.T / flat.shape[1] - torch.outer(mean, mean) + 1e-4 * torch.eye(len(mean))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        mean, covariance = self.statistics(features)
        joint = MatrixRoot.apply(self.root @ covariance @ self.root)
        return (mean - self.mean).pow(2).mean() + (self.covariance + covariance - 2 * joint).diagonal().mean()


def total_variation(images: torch.Tensor) -> torch.Tensor:
    padded = functional.pad(images, (1, 1, 1, 1), "replicate")
    right = (padded[..., 1:-1, 2:] - padded[..., 1:-1, 1:-1]).pow(2).mean() / 3
    down = (padded[..., 2:, 1:-1] - padded[..., 1:-1, 1:-1]).pow(2).mean() / 3
    falling = (padded[..., 1:, 1:] - padded[..., :-1, :-1]).pow(2).mean() / 12
    rising = (padded[..., 1:, :-1] - padded[..., :-1, 1:]).pow(2).mean() / 12
    return 2 * (right + down + falling + rising)


class TorchTransfer:
    """One scale of the run.

    Args:
        weights: file of VGG-19's weights in the layout of keras.applications.
        content: float32 (height, width, 3) in [0, 1].
        style: likewise.
    """

    def __init__(self, weights: str | os.PathLike, content: np.ndarray, style: np.ndarray) -> None:
        self.features = Features(weights)
        first, painting = (torch.tensor(picture).permute(2, 0, 1)[None].contiguous() for picture in (content, style))
        with torch.no_grad():
            self.target = self.features(first)[CONTENT] * ACTIVATION_SCALE
            found = self.features(painting)
            self.style = {name: Wasserstein(found[name] * ACTIVATION_SCALE) for name in STYLE}
        self.image = first.clone().requires_grad_()
        self.optimizer = torch.optim.Adam([self.image], lr=STEP_SIZE, betas=(0.9, 0.99))
        self.average = torch.zeros_like(first)

    def step(self) -> float:
        """Do one iteration and return the loss."""
        features = self.features(self.image)
        loss = CONTENT_WEIGHT * functional.mse_loss(features[CONTENT] * ACTIVATION_SCALE, self.target)
        for name, weight in STYLE.items():
            loss = loss + weight * self.style[name](features[name] * ACTIVATION_SCALE)
        loss = loss + TV_WEIGHT * total_variation(self.image)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.image.clamp_(0, 1)
            self.average.mul_(AVERAGE_DECAY).add_((1 - AVERAGE_DECAY) * self.image)
        return loss.item()
