"""From coarse to fine: the sizes of a schedule over scales and how many iterations each gets."""

from __future__ import annotations

import itertools
import math

# How many more iterations a scale gets than the next larger one.
ITERATION_RATIO = 1.3


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


def split_iterations(total: int, scales: int, ratio: float = ITERATION_RATIO) -> list[int]:
    """Return the iterations of each scale, from coarse to fine; they add up to `total`.

    Each scale gets `ratio` times as many as the next, larger one: iterations cost less there and large structures
    form there. Where there are fewer iterations than scales the coarsest ones get none.
    """
    weights = [ratio**i for i in reversed(range(scales))]
    ends = [math.floor(total * sum(weights[i:]) / sum(weights) + 0.5) for i in range(scales)] + [0]
    counts = [first - second for first, second in itertools.pairwise(ends)]
    if total < scales:
        return [0] * (scales - total) + [1] * total
    # Rounding may leave a scale without any.
    while 0 in counts:
        counts[counts.index(max(counts))] -= 1
        counts[counts.index(0)] += 1
    return counts


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
