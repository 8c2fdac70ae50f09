"""Networks of PyTorch that take pictures apart into windows or tokens, with attention among them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def in_windows(x: Tensor, size: int) -> Tensor:
    """Return windows (windows, size, size, channels) of pictures with their channels last."""
    b, h, w, c = x.shape
    x = x.view(b, h // size, size, w // size, size, c)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, size, size, c)


class ShiftedWindows(nn.Module):
    """Windows shifted round the border, with a mask made of the size of the picture (SwinIR, Liang et al. 2021)."""

    size, shift = 4, 2

    def __init__(self) -> None:
        super().__init__()
        self.begin, self.norm, self.qkv = nn.Conv2d(3, 8, 3, padding=1), nn.LayerNorm(8), nn.Linear(8, 24)
        self.project, self.end = nn.Linear(8, 8), nn.Conv2d(8, 3, 3, padding=1)

    def mask(self, h: int, w: int) -> Tensor:
        regions = torch.zeros((1, h, w, 1))
        count = 0
        parts = (slice(0, -self.size), slice(-self.size, -self.shift), slice(-self.shift, None))
        for rows in parts:
            for columns in parts:
                regions[:, rows, columns, :] = count
                count += 1
        windows = in_windows(regions, self.size).view(-1, self.size**2)
        apart = windows.unsqueeze(1) - windows.unsqueeze(2)
        return apart.masked_fill(apart != 0, -100.0).masked_fill(apart == 0, 0.0)

    def attend(self, x: Tensor, mask: Tensor) -> Tensor:
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        weights = (q * c**-0.5) @ k.transpose(-2, -1)
        weights = weights.view(b // mask.shape[0], mask.shape[0], 2, n, n) + mask.unsqueeze(1).unsqueeze(0)
        weights = weights.view(-1, 2, n, n).softmax(dim=-1)
        return self.project((weights @ v).transpose(1, 2).reshape(b, n, c))

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        begun = self.begin(x)
        x = self.norm(begun.flatten(2).transpose(1, 2)).view(b, h, w, 8)
        x = torch.roll(x, shifts=(-self.shift, -self.shift), dims=(1, 2))
        windows = in_windows(x, self.size).view(-1, self.size**2, 8)
        windows = self.attend(windows, self.mask(h, w))
        x = windows.view(b, h // self.size, w // self.size, self.size, self.size, -1)
        x = x.permute(0, 1, 3, 2, 4, 5).contiguous().view(b, h, w, -1)
        x = torch.roll(x, shifts=(self.shift, self.shift), dims=(1, 2)).permute(0, 3, 1, 2)
        return self.end(x + begun)


class Unfolded(nn.Module):
    """Attention among pixels of the same place in squares of four (MobileViT, Mehta and Rastegari 2022)."""

    def __init__(self) -> None:
        super().__init__()
        self.begin, self.norm, self.qkv = nn.Conv2d(3, 8, 3, 2, 1), nn.LayerNorm(8), nn.Linear(8, 24)
        self.join = nn.Conv2d(16, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.begin(x)
        b, c, h, w = maps.shape
        high, wide = (h + 1) // 2, (w + 1) // 2
        x = F.interpolate(maps, size=(2 * high, 2 * wide), mode="bilinear", align_corners=False)
        x = x.reshape(b * c * high, 2, wide, 2).transpose(1, 2)
        x = x.reshape(b, c, high * wide, 4).transpose(1, 3).reshape(b * 4, high * wide, -1)
        parts, count, _ = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(parts, count, 3, 2, 4).permute(2, 0, 3, 1, 4)
        x = x + F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(parts, count, 8)
        x = x.contiguous().view(b, 4, count, -1).transpose(1, 3)
        x = x.reshape(b * c * high, wide, 2, 2).transpose(1, 2).reshape(b, c, 2 * high, 2 * wide)
        x = F.interpolate(x, size=(h, w), mode="bilinear", align_corners=False)
        return self.join(torch.cat((maps, x), dim=1))


class Queried(nn.Module):
    """Learnt queries, repeated for each picture, and attention of several heads (DETR, Carion et al. 2020).

    Args:
        how: how they are repeated: "repeat", "expand", or "expand first", along the first axis.
    """

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.queries = nn.Parameter(torch.randn(10, 16))
        self.begin, self.project = nn.Conv2d(3, 16, 4, 4), nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = self.begin(x).flatten(2).permute(2, 0, 1).contiguous()
        n, b, _ = x.shape
        if self.how == "repeat":
            q = self.queries.unsqueeze(1).repeat(1, b, 1)
        elif self.how == "expand":
            q = self.queries.unsqueeze(1).expand(-1, b, -1)
        else:
            q = self.queries[None].expand(b, -1, -1).transpose(0, 1)
        q = self.project(q).contiguous().view(10, b * 4, 4).transpose(0, 1)
        k = x.view(n, b * 4, 4).transpose(0, 1)
        x = torch.bmm(torch.softmax(q @ k.transpose(1, 2), dim=-1), k)
        return x.transpose(0, 1).contiguous().view(10, b, 16).transpose(0, 1)


class Nearest(nn.Module):
    """Pixels replaced by the nearest of learnt ones, by a matrix of ones and zeros (VQGAN, Esser et al. 2021)."""

    def __init__(self) -> None:
        super().__init__()
        self.begin, self.codes, self.end = nn.Conv2d(3, 4, 3, 2, 1), nn.Embedding(12, 4), nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.begin(x).permute(0, 2, 3, 1).contiguous()
        flat = x.view(-1, 4)
        distances = (flat**2).sum(dim=1, keepdim=True) + (self.codes.weight**2).sum(1)
        distances = distances - 2 * torch.matmul(flat, self.codes.weight.t())
        places = torch.topk(distances, 1, dim=1, largest=False)[1]
        chosen = torch.zeros(places.shape[0], 12).to(x)
        chosen.scatter_(1, places, 1)
        return self.end(torch.matmul(chosen, self.codes.weight).view(x.shape).permute(0, 3, 1, 2).contiguous())
