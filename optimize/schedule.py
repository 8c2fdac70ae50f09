"""From coarse to fine: the sizes of a schedule over scales and how many iterations each gets."""

from __future__ import annotations

import itertools
import math


def growing_sizes(height: int, width: int, *, smallest: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the (height, width) of every scale, from coarse to fine; the last is the final size.

    Each scale is the final size divided by a power of 2 and rounded, so that an octave of one is one of the others.

    Args:
        height: final.
        width: final.
        smallest: (height, width) below which no scale may lie; the final size is returned in any case.
    """
    sizes = [(height, width)]
    while True:
        scale = 2 ** len(sizes)
        size = (math.floor(height / scale + 0.5), math.floor(width / scale + 0.5))
        if size[0] < max(1, smallest[0]) or size[1] < max(1, smallest[1]):
            return sizes[::-1]
        sizes.append(size)


def split_iterations(total: int, scales: int) -> list[int]:
    """Return the iterations of each scale, from coarse to fine; they add up to `total`.

    Equal shares: iterations at a coarse scale cost little, but beyond some dozens of them the last scale gains more.
    What cannot be shared out goes to the finest scales.
    """
    share, rest = divmod(total, scales)
    return [share] * (scales - rest) + [share + 1] * rest


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
