"""Networks of PyTorch that compute the weights of their convolutions, or take pictures apart into patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Modulated(nn.Module):
    """A convolution with a kernel for each picture, modulated by a style and normalised (StyleGAN 2)."""

    def __init__(self, inputs: int, outputs: int, up: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, 3, 3) / 4)
        self.style = nn.Linear(4, inputs)
        self.outputs, self.up = outputs, up

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        b, c, h, w = x.shape
        weight = self.weight * self.style(style).view(b, 1, c, 1, 1)
        weight = weight * torch.rsqrt(weight.pow(2).sum([2, 3, 4]) + 1e-8).view(b, self.outputs, 1, 1, 1)
        if self.up:
            weight = weight.transpose(1, 2).reshape(b * c, self.outputs, 3, 3)
            out = F.conv_transpose2d(x.view(1, b * c, h, w), weight, padding=0, stride=2, groups=b)
        else:
            out = F.conv2d(x.view(1, b * c, h, w), weight.view(b * self.outputs, c, 3, 3), padding=1, groups=b)
        return out.view(b, self.outputs, out.shape[-2], out.shape[-1])


class Modulating(nn.Module):
    """A picture whose convolutions follow from its means (Karras et al. 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.same, self.larger = nn.Conv2d(3, 4, 3, padding=1), Modulated(4, 6), Modulated(6, 3, True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        style = x.mean((2, 3))
        return self.larger(F.leaky_relu(self.same(x, style), 0.2), style)


class Predicted(nn.Module):
    """Grouped kernels and biases that are predicted from a style (AdaConv, Chandran et al. 2021)."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 3, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.depthwise, self.pointwise, self.bias = nn.Conv2d(8, 16, 2), nn.Conv2d(8, 16, 1), nn.Conv2d(8, 8, 1)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        content, style = self.encode(content), self.pool(self.encode(style))
        depthwise = self.depthwise(style).reshape(len(style), 8, 2, 3, 3)
        means = style.mean((2, 3), keepdim=True)
        pointwise = self.pointwise(means).reshape(len(style), 8, 2, 1, 1)
        bias = self.bias(means).reshape(len(style), 8)
        made = []
        for i in range(len(content)):
            y = F.pad(F.instance_norm(content[i : i + 1]), (1, 1, 1, 1), "reflect")
            y = F.conv2d(y, depthwise[i], groups=4)
            made.append(F.conv2d(y, pointwise[i], bias=bias[i], groups=4))
        return self.decode(torch.cat(made, 0))


class Swapped(nn.Module):
    """Each patch becomes the most similar one of the style (Chen and Schmidt 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Conv2d(3, 6, 3, 2, 1), nn.ConvTranspose2d(6, 3, 4, 2, 1)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        content, style = self.encode(content), self.encode(style)
        patches = style.unfold(2, 3, 1).unfold(3, 3, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 6, 3, 3)
        norm = torch.norm(patches.reshape(patches.shape[0], -1), dim=1).reshape(-1, 1, 1, 1)
        scores = F.conv2d(content, patches / norm)
        _, places = scores.max(dim=1, keepdim=True)
        chosen = torch.zeros_like(scores).scatter_(1, places, 1.0)
        count = F.conv_transpose2d(chosen, torch.ones_like(patches))
        return self.decode(F.conv_transpose2d(chosen, patches) / count)


class Transferred(nn.Module):
    """The same with columns of patches, as in texture transformers (Yang et al. 2020)."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.encode, self.decode = nn.Conv2d(3, 6, 3, 2, 1), nn.ConvTranspose2d(6, 3, 4, 2, 1)
        self.stride = stride

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        content, style = self.encode(content), self.encode(style)
        queries = F.unfold(content, 3, padding=1, stride=self.stride)
        keys = F.unfold(style, 3, padding=1, stride=self.stride)
        scores = torch.bmm(F.normalize(keys, dim=1).permute(0, 2, 1), F.normalize(queries, dim=1))
        _, places = torch.max(scores, dim=1)
        chosen = torch.gather(keys, 2, places.unsqueeze(1).expand(-1, keys.size(1), -1))
        return self.decode(F.fold(chosen, content.shape[2:], 3, padding=1, stride=self.stride) / 9)


class Filtered(nn.Module):
    """A filter for each pixel (kernel prediction networks, Mildenhall et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels = nn.Conv2d(3, 9, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        kernels = F.softmax(self.kernels(x), 1)
        return (F.unfold(x, 3, padding=1).view(b, c, 9, h, w) * kernels.unsqueeze(1)).sum(2)


class Whitened(nn.Module):
    """Features whose covariance becomes nearly that of noise, by Newton's iterations (Huang et al. 2019)."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.encode(x)
        b, c, h, w = x.size()
        features = x.view(b, c, -1)
        features = features - features.mean(-1, keepdim=True)
        covariance = torch.bmm(features, features.transpose(1, 2)).div(h * w) + 1e-3 * torch.eye(c)
        trace = covariance.diagonal(dim1=1, dim2=2).sum(-1).view(b, 1, 1)
        root = torch.eye(c).expand(b, c, c)
        for _ in range(3):
            root = 0.5 * (3 * root - torch.matrix_power(root, 3) @ (covariance / trace))
        return self.decode(((root / trace.sqrt()) @ features).view(b, c, h, w))
