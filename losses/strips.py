"""Strips: feature statistics of a picture that is too large to be described at once, put together exactly.

A picture is cut into strips of rows that overlap by what a position of the deepest layer sees. Every row of every
feature map is counted in the one strip that owns it, so the sums over the strips are those over the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from layers.spatial import take_lines
from losses.features import FeatureLoss
from losses.gram import gram_matrix
from losses.positions import Positions


@dataclass(frozen=True)
class OwnedRows:
    """The rows of a strip's feature map that the strip owns: `count` from `start` on, in the whole map from `first`."""

    start: int
    count: int
    first: int


@dataclass(frozen=True)
class Strip:
    """A strip of a picture: `count` rows from `first` on (below 0 and beyond the last where it wraps)."""

    first: int
    count: int
    owned: Mapping[str, OwnedRows]

    def shape_key(self) -> tuple[Any, ...]:
        """Return what strips have in common that are cut alike."""
        return self.count, *((name, rows.start, rows.count) for name, rows in self.owned.items())


def cut_strips(
    height: int, *, rows: int, layers: Mapping[str, Callable[[Positions], Positions]], field: int, padding: str
) -> list[Strip]:
    """Return the strips of a picture.

    Args:
        height: of the picture.
        rows: that a strip shall own at most.
        layers: name to the function from the pixels' positions to the layer's, along the height.
        field: pixels that a position of the deepest layer sees.
        padding: of the layers along the height: "valid", "same" or "circular".

    Raises:
        ValueError: a picture that wraps has a height that is no multiple of the largest step.
    """
    pixels = Positions(0.0, 1.0, height)
    step = max(int(place(pixels).step) for place in layers.values())
    if padding == "circular" and height % step:
        raise ValueError(f"a picture that wraps can be cut into strips only where its height is a multiple of {step}")
    # Of nearly equal heights, none below what a position sees: so that each owns rows of every layer.
    strip_count = max(1, min(-(-height // rows), height // (field + step)))
    rows = -(-height // (strip_count * step)) * step
    # What a strip sees beyond its own rows, above and below.
    above, below = (0, field) if padding == "valid" else (field // 2 + step, field // 2 + step)
    above, below = (-(-margin // step) * step for margin in (above, below))
    strips = []
    for first in range(0, height, rows):
        last = min(first + rows, height)
        if padding == "circular":
            start, end = first - above, last + below
        else:
            start, end = max(0, first - above), min(height, last + below)
        owned = {
            name: _owned(place(pixels), start, first, None if last == height else last)
            for name, place in layers.items()
        }
        strips.append(Strip(start, end - start, owned))
    return strips


def _owned(positions: Positions, start: int, first: int, last: int | None) -> OwnedRows:
    """Return the rows of a map that belong to the pixels from `first` to `last`, for a strip that begins at `start`."""
    step = int(positions.step)
    begin = min(first // step, positions.count)
    end = positions.count if last is None else min(last // step, positions.count)
    return OwnedRows(begin - start // step, end - begin, begin)


def strip_sums(loss: FeatureLoss, strip: Strip, pixels: Any, guides: Sequence[Any]) -> list[Any]:
    """Return what a strip adds to the Gram matrices of the loss's parts and regions, in their order.

    Args:
        loss: its comparisons are of `losses.texture`.
        strip: whose rows are meant.
        pixels: (batch, strip.count, width, 3).
        guides: the roots of the owned rows' weights (rows, width) of each guided region, in the same order.
    """
    features = loss.descriptor(pixels)
    guides = iter(guides)
    sums = []
    for part in loss.parts.values():
        owned = strip.owned[part.layer]
        found = take_lines(features[part.layer], 1, owned.start, owned.count)
        for guide in part.comparison.guides:
            weighted = found if guide is None else ops.cast(found, "float32") * next(guides)[..., None]
            sums.append(gram_matrix(weighted) * float(owned.count * found.shape[2]))
    return sums
