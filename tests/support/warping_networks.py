"""Networks of PyTorch that sample pictures at places that they compute."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Transformer(nn.Module):
    """A spatial transformer (Jaderberg et al. 2015)."""

    def __init__(self, align_corners: bool = False) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 4, 5, 1, 2)
        self.matrix = nn.Linear(4, 6)
        self.align_corners = align_corners

    def forward(self, x: Tensor) -> Tensor:
        theta = self.matrix(F.relu(self.features(x)).mean((2, 3))).view(-1, 2, 3)
        grid = F.affine_grid(theta, [x.size(0), x.size(1), x.size(2), x.size(3)], align_corners=self.align_corners)
        return F.grid_sample(x, grid, padding_mode="reflection", align_corners=self.align_corners)


def warp(x: Tensor, flow: Tensor) -> Tensor:
    """Return a picture moved by a flow, as RIFE's code does."""
    b, _, h, w = x.shape
    columns = torch.linspace(-1.0, 1.0, w).view(1, 1, 1, w).expand(b, -1, h, -1)
    rows = torch.linspace(-1.0, 1.0, h).view(1, 1, h, 1).expand(b, -1, -1, w)
    flow = torch.cat([flow[:, 0:1] / ((w - 1.0) / 2.0), flow[:, 1:2] / ((h - 1.0) / 2.0)], 1)
    grid = (torch.cat([columns, rows], 1) + flow).permute(0, 2, 3, 1)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=True)


class Interpolating(nn.Module):
    """A frame between two that are moved by flows and mixed by a mask (RIFE, Huang et al. 2022)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.PReLU(8))
        self.last = nn.Conv2d(8, 5, 3, padding=1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        made = self.last(self.features(torch.cat((first, second), 1)))
        flow, mask = made[:, :4] * 2, torch.sigmoid(made[:, 4:])
        return warp(first, flow[:, :2]) * mask + warp(second, flow[:, 2:4]) * (1 - mask)


class Flowing(nn.Module):
    """A picture moved by a flow of its own, as PWC-Net's code does (Sun et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.flow = nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.size()
        columns = torch.arange(0, w).view(1, -1).repeat(h, 1).view(1, 1, h, w).repeat(b, 1, 1, 1)
        rows = torch.arange(0, h).view(-1, 1).repeat(1, w).view(1, 1, h, w).repeat(b, 1, 1, 1)
        places = torch.cat((columns, rows), 1).float() + 3 * self.flow(x)
        x_places, y_places = 2.0 * places[:, 0] / max(w - 1, 1) - 1.0, 2.0 * places[:, 1] / max(h - 1, 1) - 1.0
        return F.grid_sample(x, torch.stack((x_places, y_places), -1), align_corners=True)


class Meshed(nn.Module):
    """The same with the grid of RAFT (Teed and Deng 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.flow = nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[-2:]
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        places = torch.stack([columns, rows], dim=0).float()[None] + 3 * self.flow(x)
        x_places, y_places = places.permute(0, 2, 3, 1).split([1, 1], dim=-1)
        grid = torch.cat([2 * x_places / (w - 1) - 1, 2 * y_places / (h - 1) - 1], dim=-1)
        return F.grid_sample(x, grid, mode="bilinear", align_corners=True)


class Keypoints(nn.Module):
    """A picture that follows key points (Siarohin et al. 2019, the first-order motion model without Jacobians)."""

    def __init__(self) -> None:
        super().__init__()
        self.points, self.mask = nn.Conv2d(3, 4, 7, padding=3), nn.Conv2d(25, 5, 7, padding=3)

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        bs, _, h, w = source.shape
        x = (2 * (torch.arange(w).float() / (w - 1)) - 1).view(1, -1).repeat(h, 1)
        y = (2 * (torch.arange(h).float() / (h - 1)) - 1).view(-1, 1).repeat(1, w)
        grid = torch.cat([x.unsqueeze(2), y.unsqueeze(2)], 2)[None, None]
        places = []
        for picture in (source, driving):
            heat = F.softmax(self.points(picture).view(bs, 4, -1) / 0.1, dim=2).view(bs, 4, h, w)
            places.append((heat.unsqueeze(-1) * grid).sum(dim=(2, 3)).view(bs, 4, 1, 1, 2))
        motions = torch.cat([grid.repeat(bs, 1, 1, 1, 1), grid - places[1] + places[0]], dim=1)
        copies = source.unsqueeze(1).unsqueeze(1).repeat(1, 5, 1, 1, 1, 1).view(bs * 5, -1, h, w)
        moved = F.grid_sample(copies, motions.view(bs * 5, h, w, -1), align_corners=False).view(bs, -1, h, w)
        flows = motions.permute(0, 1, 4, 2, 3)
        mask = F.softmax(self.mask(torch.cat([moved, flows.reshape(bs, -1, h, w)], 1)), 1)
        deformation = (flows * mask.unsqueeze(2)).sum(1).permute(0, 2, 3, 1)
        return F.grid_sample(source, deformation, mode="nearest", align_corners=False)
