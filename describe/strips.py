"""Strips: rows of a map that is too large to be convolved at once, with the rows of their receptive field.

Every row of a layer's map is owned by one strip, so sums over the strips are those over the map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from describe.positions import Positions

# From the positions of a segment's input, along its height, to those of one of its layers.
Place = Callable[[Positions], Positions]


@dataclass(frozen=True)
class Strip:
    """Some rows of a map.

    Attributes:
        height: rows of the whole map.
        start: first row that is seen; below 0 where the map wraps.
        count: rows that are seen.
        first: first row of its own, an even one.
        last: the row after its own ones; None: it owns all that are left.
    """

    height: int
    start: int
    count: int
    first: int
    last: int | None

    def owned(self, place: Place) -> slice:
        """Return the rows that the strip owns of a layer's whole map."""
        positions = place(Positions(0.0, 1.0, self.height))
        begin = min(self.first // int(positions.step), positions.count)
        end = positions.count if self.last is None else min(self.last // int(positions.step), positions.count)
        return slice(begin, end)

    def place(self, place: Place) -> tuple[int, int]:
        """Return where the owned rows begin in the map that is computed of what the strip sees, and how many."""
        rows = self.owned(place)
        step = int(place(Positions(0.0, 1.0, self.height)).step)
        return rows.start - self.start // step, rows.stop - rows.start

    @property
    def key(self) -> tuple[int, ...]:
        """What strips of a map have in common that are cut alike."""
        own = (self.height if self.last is None else self.last) - self.first
        return self.count, self.first - self.start, own, int(self.last is None)

    def cut(self, values: np.ndarray) -> np.ndarray:
        """Return the rows of (batch, height, width, channels) that the strip sees."""
        if self.start >= 0 and self.start + self.count <= self.height:
            return values[:, self.start : self.start + self.count]
        return np.take(values, self._rows(), axis=1, mode="wrap")

    def add(self, total: np.ndarray, part: np.ndarray) -> None:
        """Add to a map what belongs to the rows that the strip sees."""
        if self.start >= 0 and self.start + self.count <= self.height:
            total[:, self.start : self.start + self.count] += part
        else:
            np.add.at(total.swapaxes(0, 1), self._rows() % self.height, part.swapaxes(0, 1))

    def _rows(self) -> np.ndarray:
        return np.arange(self.start, self.start + self.count)


def cut_strips(height: int, *, rows: int, margin: int, padding: str) -> list[Strip]:
    """Return the strips of a map, which begin at even rows so that poolings stay in step.

    Args:
        height: rows of the whole map.
        rows: about as many shall be owned by each.
        margin: rows that the deepest layer sees beyond its own, above and below.
        padding: along the height: "valid", "circular" (what is beyond an edge stands at the other one), or any other
            that keeps the height.
    """
    # Without padding the deepest layer has fewer rows, and each sees only what follows.
    whole = height - 2 * margin if padding == "valid" else height
    above, below = (0, 2 * margin) if padding == "valid" else (margin + margin % 2, margin + margin % 2)
    count = max(1, -(-whole // max(2, rows)))
    step = max(2, 2 * -(-whole // (2 * count)))
    strips = []
    for first in range(0, max(1, whole), step):
        # A single last row would be pooled away: it goes with the strip above.
        is_last = whole - first - step < 2
        last = whole if is_last else first + step
        start, end = first - above, last + below
        if padding != "circular":
            start, end = max(0, start), height if is_last else min(height, end)
        if padding == "circular" and end - start >= height and count == 1:
            start, end = 0, height
        strips.append(Strip(height, start, end - start, first, None if is_last else last))
        if is_last:
            return strips
    raise AssertionError("the last strip returns")
