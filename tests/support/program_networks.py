"""Networks of PyTorch whose programs are converted."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Styler(nn.Module):
    """A style network with residual blocks, whose output has the size of its input's features."""

    def __init__(self) -> None:
        super().__init__()
        self.pad = nn.ReflectionPad2d(4)
        self.first, self.norm = nn.Conv2d(3, 8, 9), nn.InstanceNorm2d(8, affine=True)
        self.down, self.down_norm = nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16)
        self.residual = nn.Sequential(
            nn.ReplicationPad2d(1), nn.Conv2d(16, 16, 3), nn.InstanceNorm2d(16), nn.ReLU(inplace=True)
        )
        self.up = nn.ConvTranspose2d(16, 8, 3, 2, 1, output_padding=1)
        self.last = nn.Conv2d(8, 3, 3, padding=1)
        nn.init.uniform_(self.down_norm.running_mean, -0.1, 0.1)
        nn.init.uniform_(self.down_norm.running_var, 0.5, 1.5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.first(self.pad(x))))
        x = F.leaky_relu(self.down_norm(self.down(x)), 0.2)
        x = x + self.residual(x)
        return torch.tanh(self.last(self.up(x) + F.interpolate(x, scale_factor=2)[:, :8]))


class UNet(nn.Module):
    """A U-Net that enlarges its maps to the size of those that it joins them to."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = self.block(3, 8), self.block(8, 16), self.block(16, 16)
        self.up, self.top = self.block(32, 8), self.block(16, 8)
        self.out = nn.Conv2d(8, 3, 1)

    @staticmethod
    def block(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        b = self.b(F.max_pool2d(a, 2))
        c = self.c(F.avg_pool2d(b, 2))
        up = self.up(torch.cat([F.interpolate(c, size=b.shape[-2:], mode="nearest"), b], 1))
        enlarged = F.interpolate(up, size=a.shape[-2:], mode="bilinear", align_corners=False)
        return torch.sigmoid(self.out(self.top(torch.cat([enlarged, a], 1))))


class Mobile(nn.Module):
    """Depthwise convolutions, squeeze and excitation, shuffled channels, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.depthwise = nn.Conv2d(16, 16, 5, 1, 2, groups=16)
        self.grouped = nn.Conv2d(16, 24, 3, 2, 2, groups=4, dilation=2)
        self.squeeze, self.excite = nn.Conv2d(24, 6, 1), nn.Conv2d(6, 24, 1)
        self.head = nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.depthwise(F.relu6(self.stem(x))))
        x = F.channel_shuffle(F.silu(self.grouped(x)), 4)
        gate = F.hardsigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))
        return self.head(torch.flatten(F.adaptive_avg_pool2d(x * gate, 1), 1)).softmax(1)


class Attentive(nn.Module):
    """Patches of a picture, a class token, positions, and a transformer's layer."""

    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.batch_first = batch_first
        self.patches = nn.Conv2d(3, 16, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.positions = nn.Parameter(torch.randn(1, 17, 16))
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=batch_first, norm_first=True)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x)
        n, c, h, w = x.shape
        x = x.reshape(n, c, h * w).permute(0, 2, 1)
        x = torch.cat([self.token.expand(n, -1, -1), x], dim=1) + self.positions
        x = self.layer(x) if self.batch_first else self.layer(x.transpose(0, 1)).transpose(0, 1)
        return self.head(x[:, 0])


class Words(nn.Module):
    """Numbers of words, looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 16)
        self.mix = nn.Conv1d(16, 8, 3, padding=1)

    def forward(self, words: Tensor) -> Tensor:
        return self.mix(self.words(words).transpose(1, 2)).mean(-1)


class Calculated(nn.Module):
    """What a function makes of two pictures."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, y: Tensor) -> list[Tensor]:
        return list(self.function(x, y))
