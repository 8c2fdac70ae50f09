"""Sizes of a style transfer: the scales from coarse to fine."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

Size = tuple[int, int]


@dataclass(frozen=True)
class Scale:
    """One size of the schedule.

    Attributes:
        size: (height, width) of the picture.
        iterations: to be done at this size.
    """

    size: Size
    iterations: int

    @property
    def work(self) -> int:
        """Pixels times iterations."""
        return self.size[0] * self.size[1] * self.iterations


def root_two_scales(smallest: int, largest: int) -> list[int]:
    """Return the longer sides of a schedule from coarse to fine, each sqrt(2) times the one before.

    The last is `largest`; no other is below `smallest`. The scales of Crowson's style-transfer-pytorch.
    """
    sizes = (round(largest / 2 ** (i / 2)) for i in itertools.count(1))
    smaller = itertools.takewhile(lambda size: size >= max(1, smallest), sizes)
    return sorted({largest, *smaller})


def safe_scale(height: int, width: int, side: int) -> int:
    """Return the longer side of a picture of these proportions with at most the area of a square of `side`."""
    return int((max(height, width) / min(height, width)) ** 0.5 * side)


def fitting_size(height: int, width: int, longer: int) -> tuple[int, int]:
    """Return (height, width) in these proportions whose longer side is `longer`."""
    if height > width:
        return longer, max(1, round(longer * width / height))
    return max(1, round(longer * height / width)), longer
