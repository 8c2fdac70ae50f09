"""Networks of PyTorch that people published, written after the descriptions of their authors, NCHW."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import interpolate, leaky_relu, pad, pixel_shuffle, pixel_unshuffle

SLOPE = 0.2


class ReflectedConvolution(nn.Module):
    """A convolution of fast-neural-style-pytorch: reflected edges, and instance normalisation unless it is the last."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: int = 1, is_last: bool = False) -> None:
        super().__init__()
        self.reflection_pad = nn.ReflectionPad2d(side // 2)
        self.conv_layer = nn.Conv2d(inputs, outputs, side, stride)
        if not is_last:
            self.norm_layer = nn.InstanceNorm2d(outputs, affine=True)
        self.is_last = is_last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv_layer(self.reflection_pad(x))
        return x if self.is_last else self.norm_layer(x)


class DoublingConvolution(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_transpose = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1)
        self.norm_layer = nn.InstanceNorm2d(outputs, affine=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm_layer(self.conv_transpose(x))


class ResidualLayer(nn.Module):
    def __init__(self, is_next: bool) -> None:
        super().__init__()
        self.conv1 = ReflectedConvolution(128, 64, 1) if is_next else ReflectedConvolution(128, 128, 3)
        self.conv2 = ReflectedConvolution(64, 64, 3) if is_next else ReflectedConvolution(128, 128, 3)
        if is_next:
            self.conv3 = ReflectedConvolution(64, 128, 1)
        self.is_next = is_next

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        change = self.conv2(torch.relu(self.conv1(x)))
        return x + (self.conv3(torch.relu(change)) if self.is_next else change)


class TransformerNetwork(nn.Module):
    """Of fast-neural-style-pytorch: BGR in 0..255. Without tanh, its weights are such that it returns levels of 255."""

    def __init__(self, has_tanh: bool, is_next: bool) -> None:
        super().__init__()
        self.ConvBlock = nn.Sequential(
            *(ReflectedConvolution(3, 32, 9), nn.ReLU()),
            *(ReflectedConvolution(32, 64, 3, 2), nn.ReLU()),
            *(ReflectedConvolution(64, 128, 3, 2), nn.ReLU()),
        )
        self.ResidualBlock = nn.Sequential(*(ResidualLayer(is_next) for _ in range(5)))
        last = ReflectedConvolution(32, 3, 9, is_last=True)
        self.DeconvBlock = nn.Sequential(
            *(DoublingConvolution(128, 64), nn.ReLU(), DoublingConvolution(64, 32), nn.ReLU(), last)
        )
        self.has_tanh = has_tanh
        if not has_tanh:
            with torch.no_grad():
                last.conv_layer.weight *= 60
                last.conv_layer.bias += 100

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.DeconvBlock(self.ResidualBlock(self.ConvBlock(x)))
        return 150 * torch.tanh(x) if self.has_tanh else x


class InstanceNormalization(nn.Module):
    """Of the generator of CartoonGAN."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.rand(channels)), nn.Parameter(torch.randn(channels) / 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
        return (x - mean) / torch.sqrt(variance + 1e-9) * self.scale[:, None, None] + self.shift[:, None, None]


class CartoonGenerator(nn.Module):
    """Of CartoonGAN-Test-Pytorch-Torch: BGR in -1..1."""

    def __init__(self) -> None:
        super().__init__()
        blocks = [(f"{block:02d}_{number}", 256) for block in range(4, 12) for number in (1, 2)]
        self.conv01_1, self.deconv03_1 = nn.Conv2d(3, 64, 7), nn.Conv2d(64, 3, 7)
        self.conv02_1, self.conv02_2 = nn.Conv2d(64, 128, 3, 2, 1), nn.Conv2d(128, 128, 3, 1, 1)
        self.conv03_1, self.conv03_2 = nn.Conv2d(128, 256, 3, 2, 1), nn.Conv2d(256, 256, 3, 1, 1)
        self.deconv01_1, self.deconv01_2 = nn.ConvTranspose2d(256, 128, 3, 2, 1, 1), nn.Conv2d(128, 128, 3, 1, 1)
        self.deconv02_1, self.deconv02_2 = nn.ConvTranspose2d(128, 64, 3, 2, 1, 1), nn.Conv2d(64, 64, 3, 1, 1)
        for name, _ in blocks:
            self.add_module(f"conv{name}", nn.Conv2d(256, 256, 3))
        widths = (("01_1", 64), ("02_1", 128), ("03_1", 256), *blocks, ("12_1", 128), ("13_1", 64))
        for name, channels in widths:
            self.add_module(f"in{name}", InstanceNormalization(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.in01_1(self.conv01_1(pad(x, (3,) * 4, mode="reflect"))))
        x = torch.relu(self.in02_1(self.conv02_2(self.conv02_1(x))))
        x = torch.relu(self.in03_1(self.conv03_2(self.conv03_1(x))))
        for block in range(4, 12):
            x = x + self._normalized(torch.relu(self._normalized(x, f"{block:02d}_1")), f"{block:02d}_2")
        x = torch.relu(self.in12_1(self.deconv01_2(self.deconv01_1(x))))
        x = torch.relu(self.in13_1(self.deconv02_2(self.deconv02_1(x))))
        return torch.tanh(self.deconv03_1(pad(x, (3,) * 4, mode="reflect")))

    def _normalized(self, x: torch.Tensor, name: str) -> torch.Tensor:
        convolved = getattr(self, f"conv{name}")(pad(x, (1,) * 4, mode="reflect"))
        return getattr(self, f"in{name}")(convolved)


class AnimeUnit(nn.Sequential):
    def __init__(
        self,
        inputs: int,
        outputs: int,
        side: int = 3,
        stride: int = 1,
        padding: int | tuple[int, int, int, int] = 1,
        groups: int = 1,
    ) -> None:
        super().__init__(
            nn.ReflectionPad2d(padding),
            nn.Conv2d(inputs, outputs, side, stride, groups=groups, bias=groups > 1),
            nn.GroupNorm(1, outputs),
            nn.LeakyReLU(SLOPE),
        )
        nn.init.uniform_(self[2].weight, 0.5, 1.5)
        nn.init.normal_(self[2].bias, std=0.1)


class InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        width = 2 * inputs
        self.layers = nn.Sequential(
            AnimeUnit(inputs, width, 1, padding=0),
            AnimeUnit(width, width, groups=width),
            nn.Conv2d(width, outputs, 1, bias=False),
            nn.GroupNorm(1, outputs),
        )
        self.is_residual = inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x) if self.is_residual else self.layers(x)


class AnimeGenerator(nn.Module):
    """Of animegan2-pytorch: RGB in -1..1."""

    def __init__(self) -> None:
        super().__init__()
        below = {"stride": 2, "padding": (0, 1, 0, 1)}
        self.block_a = nn.Sequential(AnimeUnit(3, 32, 7, padding=3), AnimeUnit(32, 64, **below), AnimeUnit(64, 64))
        self.block_b = nn.Sequential(AnimeUnit(64, 128, **below), AnimeUnit(128, 128))
        residual = (InvertedResidual(256, 256) for _ in range(3))
        self.block_c = nn.Sequential(AnimeUnit(128, 128), InvertedResidual(128, 256), *residual, AnimeUnit(256, 128))
        self.block_d = nn.Sequential(AnimeUnit(128, 128), AnimeUnit(128, 128))
        self.block_e = nn.Sequential(AnimeUnit(128, 64), AnimeUnit(64, 64), AnimeUnit(64, 32, 7, padding=3))
        self.out_layer = nn.Sequential(nn.Conv2d(32, 3, 1, bias=False), nn.Tanh())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        half = self.block_a(x)
        inner = self.block_c(self.block_b(half))
        wide = self.block_d(interpolate(inner, half.shape[-2:], mode="bilinear", align_corners=True))
        return self.out_layer(self.block_e(interpolate(wide, x.shape[-2:], mode="bilinear", align_corners=True)))


class DenseBlock(nn.Module):
    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        for number in range(1, 6):
            outputs = growth if number < 5 else width
            self.add_module(f"conv{number}", nn.Conv2d(width + (number - 1) * growth, outputs, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = [x]
        for convolve in (self.conv1, self.conv2, self.conv3, self.conv4):
            found.append(leaky_relu(convolve(torch.cat(found, 1)), SLOPE))
        return x + 0.2 * self.conv5(torch.cat(found, 1))


class ResidualDenseBlock(nn.Module):
    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(width, growth) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    """Of Real-ESRGAN: RGB in [0, 1]."""

    def __init__(self, width: int = 8, growth: int = 4, blocks: int = 2, shrinking: int = 1) -> None:
        super().__init__()
        self.shrinking = shrinking
        self.conv_first = nn.Conv2d(3 * shrinking**2, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualDenseBlock(width, growth) for _ in range(blocks)))
        for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
            self.add_module(name, nn.Conv2d(width, width, 3, padding=1))
        self.conv_last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.conv_first(pixel_unshuffle(x, self.shrinking))
        x = first + self.conv_body(self.body(first))
        for convolve in (self.conv_up1, self.conv_up2):
            x = leaky_relu(convolve(interpolate(x, scale_factor=2, mode="nearest")), SLOPE)
        return self.conv_last(leaky_relu(self.conv_hr(x), SLOPE))


class SRVGGNetCompact(nn.Module):
    """Of Real-ESRGAN: RGB in [0, 1]."""

    def __init__(self, width: int = 8, convolutions: int = 3, factor: int = 4) -> None:
        super().__init__()
        self.factor = factor
        body: list[nn.Module] = []
        for inputs in (3, *[width] * convolutions):
            body += [nn.Conv2d(inputs, width, 3, padding=1), nn.PReLU(width)]
            nn.init.uniform_(body[-1].weight)
        self.body = nn.ModuleList([*body, nn.Conv2d(width, 3 * factor**2, 3, padding=1)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = x
        for layer in self.body:
            inner = layer(inner)
        return pixel_shuffle(inner, self.factor) + interpolate(x, scale_factor=self.factor, mode="nearest")
