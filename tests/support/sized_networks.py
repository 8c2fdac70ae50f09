"""Networks of PyTorch that compute with the sizes of their pictures."""

import torch
from torch import nn
from torch.nn import functional as F


class Padded(nn.Module):
    """Pictures padded to a multiple, as in NAFNet, and the result cut back to their size, enlarged."""

    def __init__(self, mode: str = "reflect", scale: int = 2):
        super().__init__()
        self.mode, self.scale = mode, scale
        self.down, self.up = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 3 * (4 * scale) ** 2, 1)

    def forward(self, x):
        h, w = x.size(2), x.size(3)
        x = F.pad(x, [0, (8 - w % 8) % 8, 0, (8 - h % 8) % 8], mode=self.mode)
        x = F.pixel_shuffle(self.up(F.relu(self.down(x))), 4 * self.scale)
        return x[:, :, : h * self.scale, : w * self.scale]


class Centred(nn.Module):
    """Pictures padded at both sides, and the result's middle."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x):
        h, w = x.shape[2], x.shape[3]
        rows, columns = (h + 7) // 8 * 8 - h, -(-w // 8) * 8 - w
        top, left = rows // 2, columns // 2
        x = self.body(F.pad(x, [left, columns - left, top, rows - top], mode="replicate"))
        y = x[..., top : top + h, left : left + w]
        return y, y[:, :, h // 4 : -(h // 4), 1:-1], x.narrow(2, top, h)


class SkippingUNet(nn.Module):
    """A U-Net whose coarser maps are padded to the size of those that they are joined to."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(6, 8, 1)
        self.up = nn.ConvTranspose2d(8, 6, 2, stride=2)
        self.join, self.last = nn.Conv2d(12, 4, 3, padding=1), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        a = torch.relu(self.a(x))
        b = torch.relu(self.b(F.max_pool2d(a, 2)))
        c = self.up(torch.relu(self.c(F.max_pool2d(b, 2))))
        c = torch.relu(self.join(torch.cat([b, self.padded(c, b)], dim=1)))
        c = F.interpolate(c, scale_factor=2.0, mode="bilinear", align_corners=True)
        return self.last(torch.cat([a, self.padded(c, a)], dim=1))

    def padded(self, x, other):
        dy = other.size(2) - x.size(2)
        dx = other.size(3) - x.size(3)
        return F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])


class CroppingUNet(nn.Module):
    """A U-Net without padding: the finer maps are cut to the size of those that they are joined to."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3), nn.ConvTranspose2d(6, 4, 2, 2)
        self.last = nn.Conv2d(8, 2, 3)

    def forward(self, x):
        a = torch.relu(self.a(x))
        b = self.c(torch.relu(self.b(F.max_pool2d(a, 2))))
        top, left = (a.shape[2] - b.shape[2]) // 2, (a.shape[3] - b.shape[3]) // 2
        return self.last(torch.cat([a[:, :, top : top + b.shape[2], left : left + b.shape[3]], b], dim=1))


class Divided(nn.Module):
    """Sizes by quotients that are rounded, as scripts and traces have them."""

    def forward(self, x):
        h, w = x.shape[2], x.shape[3]
        missing = int(h / 8) * 8 + 8 - h
        return F.pad(x, [0, 2 * w // 2 - w + 3, 0, missing])[:, :, : int(h * 0.5), : max(w // 3, 2)]


class Windows(nn.Module):
    """Pictures in windows and back, attention of channels, and sequences of pixels."""

    def __init__(self):
        super().__init__()
        self.begin, self.mix = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 8)

    def forward(self, x):
        b, _, h, w = x.shape
        x = F.pad(x, [0, (4 - w % 4) % 4, 0, (4 - h % 4) % 4], mode="reflect")
        high, wide = x.shape[2], x.shape[3]
        x = self.begin(x).permute(0, 2, 3, 1)
        windows = x.view(b, high // 4, 4, wide // 4, 4, 8).permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, 16, 8)
        windows = torch.softmax(windows @ windows.transpose(1, 2), dim=-1) @ self.mix(windows)
        x = windows.view(b, high // 4, wide // 4, 4, 4, 8).permute(0, 1, 3, 2, 4, 5).contiguous().view(b, high, wide, 8)
        x = x.permute(0, 3, 1, 2)
        q = F.normalize(x.reshape(b, 2, 4, high * wide), dim=-1)
        x = ((q @ q.transpose(-2, -1)).softmax(dim=-1) @ q).reshape(b, 8, high, wide) + x
        x = x.flatten(2).transpose(1, 2)
        return self.mix(x).transpose(1, 2).view(b, 8, high, wide)[:, :, :h, :w]


class ChannelAttention(nn.Module):
    """Attention of channels at two scales, and layer normalisation of pixels, as in Restormer."""

    def __init__(self):
        super().__init__()
        self.begin, self.norm, self.end = nn.Conv2d(3, 8, 3, padding=1), nn.LayerNorm(8), nn.Conv2d(8, 3, 1)
        self.small, self.large = nn.Conv2d(8, 24, 1), nn.Conv2d(32, 96, 1)

    def forward(self, x):
        h, w = x.shape[-2:]
        x = self.norm(self.begin(x).flatten(2).transpose(1, 2)).transpose(1, 2).reshape(x.shape[0], -1, h, w)
        x = x + self.mixed(self.small(x), 2)
        return self.end(x + F.pixel_shuffle(self.mixed(self.large(F.pixel_unshuffle(x, 2)), 4), 2))

    def mixed(self, x, heads: int):
        q, k, v = x.chunk(3, dim=1)
        b, c, h, w = q.shape
        q = F.normalize(q.reshape(b, heads, c // heads, h * w), dim=-1)
        k = F.normalize(k.reshape(b, heads, c // heads, h * w), dim=-1)
        attention = (q @ k.transpose(-2, -1)).softmax(dim=-1)
        return (attention @ v.reshape(b, heads, c // heads, h * w)).view(b, c, h, w)


class Styled(nn.Module):
    """Features of one picture with the mean and deviation of another's (AdaIN), and with its Gram matrix (MSG-Net)."""

    def __init__(self):
        super().__init__()
        self.begin, self.norm = nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.InstanceNorm2d(6)
        self.mix, self.end = nn.Parameter(torch.rand(1, 6, 6)), nn.Conv2d(6, 3, 1)

    def forward(self, x, style):
        x, style = self.begin(x), self.norm(self.begin(style)) * 2 + 1
        mean, deviation = self.moments(x)
        style_mean, style_deviation = self.moments(style)
        size = x.size()
        y = (x - mean.expand(size)) / deviation.expand(size) * style_deviation.expand(size) + style_mean.expand(size)
        b, c, h, w = style.size()
        pixels = style.view(b, c, w * h)
        gram = pixels.bmm(pixels.transpose(1, 2)) / (c * h * w)
        mixed = torch.bmm(self.mix.expand_as(gram), gram).expand(x.size(0), 6, 6)
        return self.end(y + torch.bmm(mixed, x.view(x.size(0), x.size(1), -1)).view_as(x))

    def moments(self, x):
        n, c = x.size()[:2]
        pixels = x.view(n, c, -1)
        return pixels.mean(dim=2).view(n, c, 1, 1), (pixels.var(dim=2) + 1e-5).sqrt().view(n, c, 1, 1)


class Reduced(nn.Module):
    """Pictures reduced by factors and to quotients of their sizes, and enlarged to what they were."""

    def forward(self, x):
        h, w = x.shape[2], x.shape[3]
        half = F.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False)
        thirds = F.interpolate(x, size=(h // 3, w * 2 - 1), mode="bilinear", align_corners=False)
        aligned = F.interpolate(half, size=(h, w), mode="bilinear", align_corners=True)
        return half, thirds, aligned, F.interpolate(x, scale_factor=0.25), F.interpolate(thirds, size=(h, w + 1))


class Located(nn.Module):
    """Places of pixels, learnt ones, and numbers of pictures beside their channels."""

    def __init__(self):
        super().__init__()
        self.places = nn.Parameter(torch.rand(1, 2, 8, 8))
        self.end = nn.Conv2d(12, 3, 1)

    def forward(self, x):
        b, _, h, w = x.shape
        rows = torch.arange(h, dtype=torch.float32) / (h - 1) * 2 - 1
        columns = torch.arange(w, dtype=torch.float32) / (w - 1) * 2 - 1
        rows, columns = rows.view(1, 1, h, 1).repeat(b, 1, 1, w), columns.view(1, 1, 1, w).expand(b, 1, h, w)
        places = F.interpolate(self.places, size=x.shape[2:], mode="bilinear", align_corners=False)
        mean = x.mean(dim=(2, 3))
        means = mean.view(b, 3, 1, 1).expand(b, 3, h, w), mean.view(b, 3, 1, 1).repeat(1, 1, h, w)
        return self.end(torch.cat([x + places[:, :1], rows, columns, *means, places[:, 1:].expand(b, 1, h, w)], dim=1))


class Enlarged(nn.Module):
    """A picture enlarged by a factor that makes parts of pixels, and brought back to the size that it had."""

    def __init__(self, mode: str):
        super().__init__()
        self.mode = mode
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x):
        larger = F.interpolate(self.convolution(x), scale_factor=1.5, mode=self.mode)
        return larger, F.interpolate(larger, size=x.shape[2:], mode=self.mode)
