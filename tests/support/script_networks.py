"""Networks of PyTorch as tests make TorchScript of them: of many styles, small."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels, affine=True),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x):
        return x + self.body(x)


class StyleNetwork(nn.Module):
    """In the way of Johnson et al. 2016: strides, residual blocks, enlarging by a factor."""

    def __init__(self):
        super().__init__()
        self.begin = nn.Sequential(nn.ReflectionPad2d(4), nn.Conv2d(3, 8, 9), nn.InstanceNorm2d(8, affine=True))
        self.down = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(Residual(12) for _ in range(2))
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.transposed = nn.ConvTranspose2d(12, 8, 4, stride=2, padding=1)
        self.end = nn.Conv2d(12 + 8, 3, 3, padding=1, padding_mode="reflect")

    def forward(self, x):
        x = self.down(F.relu(self.begin(x)))
        for block in self.blocks:
            x = block(x)
        x = torch.cat([self.up(x), self.transposed(x)], dim=1)
        return torch.tanh(self.end(x)).mul(0.5).add_(0.5)


def double(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1))


class UNet(nn.Module):
    """Skip connections to whose sizes the coarser features are enlarged; takes pictures of any size."""

    def __init__(self, mode="bilinear", is_aligned=True):
        super().__init__()
        self.mode, self.is_aligned = mode, is_aligned
        self.first, self.second, self.third = double(3, 4), double(4, 6), double(6, 8)
        self.pool = nn.MaxPool2d(2)
        self.join = double(8 + 6, 6)
        self.last = double(6 + 4, 4)
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        fine = self.first(x)
        middle = self.second(self.pool(fine))
        x = self.third(self.pool(middle))
        x = F.interpolate(x, size=middle.shape[2:], mode=self.mode, align_corners=self.is_aligned)
        x = self.join(torch.cat((middle, x), 1))
        x = F.interpolate(x, size=(fine.shape[2], fine.shape[3]), mode=self.mode, align_corners=self.is_aligned)
        return self.head(self.last(torch.cat((fine, x), 1)))


class Enlarging(nn.Module):
    """Sizes that are multiples of others."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, stride=2, padding=1)

    def forward(self, x):
        x = self.convolution(x)
        height, width = x.shape[2], x.shape[3]
        x = F.interpolate(x, size=(height * 2, width * 4), mode="nearest")
        return F.interpolate(x, size=(2 * x.shape[2], 6 * x.shape[3] // 3), mode="bilinear")


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)

    def forward(self, x):
        scale = F.adaptive_avg_pool2d(x, 1)
        return x * F.hardsigmoid(self.expand(F.relu(self.reduce(scale))))


class MobileNetwork(nn.Module):
    """Depthwise convolutions, hard swish, squeeze and excite, a classifier with dropout."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.Hardswish(inplace=True),
            nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU6(inplace=True),
            SqueezeExcite(8),
            nn.Conv2d(8, 16, 1),
        )
        self.classifier = nn.Sequential(nn.Linear(16, 12), nn.SiLU(), nn.Dropout(0.2), nn.Linear(12, 5))

    def forward(self, x):
        x = self.features(x).mean([2, 3])
        return F.softmax(self.classifier(x.view(x.size(0), -1)), dim=1)


class VisionTransformer(nn.Module):
    """Patches, a class token, positions, encoder layers with attention."""

    def __init__(self, width=16):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, stride=8)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, 17, width))
        layer = nn.TransformerEncoderLayer(width, 2, 32, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 5)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        token = self.token.expand(x.shape[0], -1, -1)
        x = self.encoder(torch.cat((token, x), dim=1) + self.positions)
        return self.head(self.norm(x)[:, 0])


class WindowAttention(nn.Module):
    """Attention written out: one projection of queries, keys and values, unbound."""

    def __init__(self, width=12, heads=3):
        super().__init__()
        self.heads = heads
        self.begin = nn.Conv2d(3, width, 4, stride=4)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        x = self.begin(x).flatten(2).transpose(1, 2)
        batch, count, width = x.shape
        mixed = self.qkv(x).reshape(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = mixed[0], mixed[1], mixed[2]
        weights = (query @ key.transpose(-2, -1) * (width // self.heads) ** -0.5).softmax(dim=-1)
        return self.out((weights @ value).transpose(1, 2).reshape(batch, count, width))


class Controlled(nn.Module):
    """Loops, conditions, lists, dicts, optional values and texts, as scripts have them."""

    def __init__(self):
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))
        self.rounds = 3
        self.mode = "sum"
        self.widths = [1, 2, 4]
        self.options = {"gain": 0.5}
        self.register_buffer("scale", torch.rand(3, 1, 1) + 0.5)

    def mixed(self, features: list[Tensor], extra: Tensor | None = None) -> Tensor:
        if self.mode not in ["sum", "cat"]:
            raise ValueError(f"unknown mode {self.mode}")
        result = features[0]
        for one in features[1:]:
            result = result + one if self.mode == "sum" else torch.maximum(result, one)
        return result if extra is None else result * extra

    def forward(self, x: Tensor, extra: Tensor | None = None) -> dict[str, Tensor]:
        assert x.dim() == 4, "takes pictures"
        if x.shape[2] < 4:
            raise ValueError("too small")
        found: list[Tensor] = []
        number = 0
        while number < self.rounds and len(found) < 2:
            for position, convolution in enumerate(self.convolutions):
                if position % 2 == 0:
                    x = F.relu(convolution(x)) * self.options["gain"]
                elif self.widths[-1] // 2 > 1:
                    x = torch.sigmoid(convolution(x)) + float(self.widths[position])
            found.append(x)
            number += 1
        halves = torch.chunk(self.mixed(found), 3, dim=1)
        joined = torch.stack(halves, dim=1).squeeze(2) * self.scale
        if extra is not None:
            joined = joined + extra
        return {"joined": joined, "mean": joined.mean(dim=(2, 3))}


class Shared(nn.Module):
    """One module at two places, and one weight in two modules."""

    def __init__(self):
        super().__init__()
        self.begin = nn.Conv2d(3, 4, 3, padding=1)
        self.block = nn.Conv2d(4, 4, 3, padding=1)
        self.again = self.block
        self.tied = nn.Conv2d(4, 4, 3, padding=1)
        self.tied.weight = self.block.weight

    def forward(self, x):
        return self.tied(torch.relu(self.again(torch.relu(self.block(self.begin(x))))))


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)
        self.style = nn.Linear(5, 4)

    def forward(self, picture, style):
        features = self.convolution(picture)
        return features * self.style(style).unsqueeze(-1).unsqueeze(-1), features.mean(dim=(2, 3))
