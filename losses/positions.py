"""Where the positions of a feature map lie in the picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Positions:
    """Where the positions of a feature map lie along one axis of the picture.

    Attributes:
        first: the centre of the first position, in pixels; pixel i has its centre at i.
        step: distance of neighbouring positions, in pixels.
        count: number of positions.
    """

    first: float
    step: float
    count: int

    def convolved(self, margin: int) -> Positions:
        """Return the positions after a convolution that drops `margin` positions at both sides."""
        return Positions(self.first + margin * self.step, self.step, self.count - 2 * margin)

    def pooled(self) -> Positions:
        """Return the positions after a pooling of two by two, the last of an odd number dropped."""
        return Positions(self.first + self.step / 2, 2 * self.step, self.count // 2)

    def halved(self, margin: int) -> Positions:
        """Return every second position, after `margin` positions at both sides are dropped."""
        return Positions(self.first + margin * self.step, 2 * self.step, -(-(self.count - 2 * margin) // 2))
