"""Texture synthesis in PyTorch alone: the peer of `synthesize.py`, and the judge of its pictures.

VGG-19 with average pooling and zero padding, the Gram matrices of Gatys, Ecker & Bethge 2015 (conv1_1 after its
rectification, pool1 to pool4). It shares no code with the program.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import h5py
import numpy as np
import torch
from torch.nn import functional

# Convolutions of each block up to pool4.
BLOCKS = (2, 2, 4, 4)
MEAN = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class LoopResult:
    """What PyTorch's L-BFGS reached: float32 (height, width, 3), not clipped, and the seconds that it took."""

    pixels: np.ndarray
    seconds: float


class TorchTexture:
    """The distance of a picture's Gram matrices from a source's: sum over layers of |G - G*|^2 / |G*|^2.

    Args:
        weights: file of VGG-19's weights in the layout of keras.applications.
        source: float32 (height, width, 3) in [0, 1].
    """

    def __init__(self, weights: str | os.PathLike, source: np.ndarray) -> None:
        self.convolutions = _read_convolutions(weights)
        with torch.no_grad():
            self.targets = self.gram_matrices(to_torch(source))

    def to_channels_last(self) -> None:
        """Compute in PyTorch's other layout."""
        self.convolutions = [
            [(kernel.to(memory_format=torch.channels_last), bias) for kernel, bias in block]
            for block in self.convolutions
        ]

    def gram_matrices(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the Gram matrices of pictures (1, 3, height, width), divided by the number of positions."""
        x = (images.flip(1) * 255) - torch.tensor(MEAN)[:, None, None]
        found: list[torch.Tensor] = []
        for block in self.convolutions:
            for kernel, bias in block:
                x = functional.relu(functional.conv2d(x, kernel, bias, padding=1), inplace=True)
                if not found:
                    found.append(_gram(x))
            x = functional.avg_pool2d(x, 2)
            found.append(_gram(x))
        return found

    def loss(self, images: torch.Tensor) -> torch.Tensor:
        """Return the loss of pictures (1, 3, height, width)."""
        pairs = zip(self.gram_matrices(images), self.targets, strict=True)
        terms = [(gram - target).square().sum() / target.square().sum() for gram, target in pairs]
        return torch.stack(terms).sum()

    def value_and_gradient(self, images: torch.Tensor) -> tuple[float, torch.Tensor]:
        """Return loss and gradient."""
        leaf = images.detach().requires_grad_()
        loss = self.loss(leaf)
        (gradient,) = torch.autograd.grad(loss, leaf)
        return loss.item(), gradient

    def measure(self, pixels: np.ndarray) -> float:
        """Return the loss of a picture (height, width, 3) in [0, 1]."""
        with torch.no_grad():
            return self.loss(to_torch(pixels)).item()

    def optimize(self, shape: tuple[int, int], evaluations: int, seed: int = 0, *, bounded: bool = False) -> LoopResult:
        """Return what torch.optim.LBFGS makes of white noise, as Gatys' PyTorch notebook and its heirs do it.

        Args:
            shape: (height, width).
            evaluations: of the loss.
            seed: of the noise.
            bounded: whether pixels are clamped to [0, 1] before each evaluation, as PyTorch's tutorial does.
        """
        generator = torch.Generator().manual_seed(seed)
        pixels = torch.rand((1, 3, *shape), generator=generator).requires_grad_()
        optimizer = torch.optim.LBFGS(
            [pixels], max_iter=evaluations, max_eval=evaluations, history_size=10, line_search_fn="strong_wolfe",
            tolerance_grad=0, tolerance_change=0,
        )  # fmt: skip

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            if bounded:
                with torch.no_grad():
                    pixels.clamp_(0, 1)
            loss = self.loss(pixels)
            loss.backward()
            return loss

        start = time.perf_counter()
        optimizer.step(closure)
        seconds = time.perf_counter() - start
        return LoopResult(pixels.detach()[0].permute(1, 2, 0).numpy(), seconds)


def to_torch(pixels: np.ndarray) -> torch.Tensor:
    """Return a picture (height, width, 3) as (1, 3, height, width)."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].contiguous()


def _gram(x: torch.Tensor) -> torch.Tensor:
    flat = x.flatten(2)[0]
    return flat @ flat.T / flat.shape[1]


def _read_convolutions(path: str | os.PathLike) -> list[list[tuple[torch.Tensor, torch.Tensor]]]:
    """Return kernel and bias of each convolution, block by block."""
    blocks: list[list[tuple[torch.Tensor, torch.Tensor]]] = []
    with h5py.File(path) as file:
        for block, count in enumerate(BLOCKS, start=1):
            blocks.append([])
            for i in range(1, count + 1):
                group = file[f"block{block}_conv{i}"]
                kernel, bias = (group[key][:] for key in group.attrs["weight_names"])
                blocks[-1].append((torch.from_numpy(kernel).permute(3, 2, 0, 1).contiguous(), torch.from_numpy(bias)))
    return blocks
