"""Generators of CycleGAN, CUT and pix2pix, written after the descriptions of their authors, NCHW: RGB in -1..1."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d, pad


class Blur(nn.Module):
    """Halves, with reflected edges and 1 2 1 along each axis; or doubles, with repeated edges and 1 3 3 1."""

    def __init__(self, channels: int, doubles: bool) -> None:
        super().__init__()
        row = torch.tensor([1.0, 3.0, 3.0, 1.0] if doubles else [1.0, 2.0, 1.0])
        square = row[:, None] * row
        share = square / square.sum() * (4 if doubles else 1)
        self.register_buffer("filt", share.expand(channels, 1, -1, -1).clone())
        self.doubles = doubles

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        channels = x.shape[1]
        if not self.doubles:
            return conv2d(pad(x, (1,) * 4, mode="reflect"), self.filt, stride=2, groups=channels)
        x = pad(x, (1,) * 4, mode="replicate")
        return conv_transpose2d(x, self.filt, stride=2, padding=2, groups=channels)[:, :, 1:-1, 1:-1]


def normalized(convolution: nn.Module, channels: int, batch: bool) -> list[nn.Module]:
    """Return a convolution, without offsets before batch normalisation, and its normalisation."""
    if not batch:
        return [convolution, nn.InstanceNorm2d(channels)]
    convolution.bias = None
    return [convolution, nn.BatchNorm2d(channels)]


class ResnetBlock(nn.Module):
    def __init__(self, channels: int, batch: bool, dropout: bool) -> None:
        super().__init__()
        parts: list[list[nn.Module]] = [
            [nn.ReflectionPad2d(1), *normalized(nn.Conv2d(channels, channels, 3), channels, batch)] for _ in "ab"
        ]
        self.conv_block = nn.Sequential(*parts[0], nn.ReLU(), *([nn.Dropout(0.5)] if dropout else []), *parts[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv_block(x)


class ResnetGenerator(nn.Module):
    """Of CycleGAN; `blurs` of CUT, where it halves, where it doubles."""

    def __init__(
        self,
        width: int = 3,
        blocks: int = 2,
        *,
        batch: bool = False,
        dropout: bool = False,
        blurs: tuple[bool, bool] = (False, False),
    ) -> None:
        super().__init__()
        down, up = blurs
        model: list[nn.Module] = [nn.ReflectionPad2d(3), *normalized(nn.Conv2d(3, width, 7), width, batch), nn.ReLU()]
        for inputs, outputs in ((width, 2 * width), (2 * width, 4 * width)):
            halve = nn.Conv2d(inputs, outputs, 3, stride=1 if down else 2, padding=1)
            model += [*normalized(halve, outputs, batch), nn.ReLU(), *([Blur(outputs, False)] if down else [])]
        model += [ResnetBlock(4 * width, batch, dropout) for _ in range(blocks)]
        for inputs, outputs in ((4 * width, 2 * width), (2 * width, width)):
            enlarge: nn.Module = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
            if up:
                enlarge = nn.Conv2d(inputs, outputs, 3, padding=1)
                model.append(Blur(inputs, True))
            model += [*normalized(enlarge, outputs, batch), nn.ReLU()]
        self.model = nn.Sequential(*model, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


class UnetLevel(nn.Module):
    """A level of a U-Net: `place` is "outermost", "inside" or "innermost"."""

    def __init__(
        self, outside: int, inside: int, place: str, within: nn.Module | None, *, batch: bool, dropout: bool = False
    ) -> None:
        super().__init__()
        self.is_outermost = place == "outermost"
        halve = nn.Conv2d(outside, inside, 4, stride=2, padding=1)
        joined = inside if within is None else 2 * inside
        double = nn.ConvTranspose2d(joined, outside, 4, stride=2, padding=1)
        if self.is_outermost:
            halve.bias = None if batch else halve.bias
            self.model = nn.Sequential(halve, within, nn.ReLU(), double, nn.Tanh())
            return
        down, up = normalized(halve, inside, batch), normalized(double, outside, batch)
        middle = [down[0]] if within is None else [*down, within]
        end = [nn.Dropout(0.5)] if dropout else []
        self.model = nn.Sequential(nn.LeakyReLU(0.2), *middle, nn.ReLU(), *up, *end)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.model(x)
        return found if self.is_outermost else torch.cat([x, found], 1)


class UnetGenerator(nn.Module):
    """Of pix2pix."""

    def __init__(self, width: int = 3, levels: int = 5, *, batch: bool = True, dropout: bool = True) -> None:
        super().__init__()
        widths = [width * min(2**level, 8) for level in range(levels)]
        level = UnetLevel(widths[-2], widths[-1], "innermost", None, batch=batch)
        for index in range(levels - 2, 0, -1):
            has_dropout = dropout and index > 3
            level = UnetLevel(widths[index - 1], widths[index], "inside", level, batch=batch, dropout=has_dropout)
        self.model = UnetLevel(3, width, "outermost", level, batch=batch)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)
