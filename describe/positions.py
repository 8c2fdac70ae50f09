"""Positions of octaves and of a descriptor's layers along one axis of a picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from choices import RANDOM_LAYER
from model.layer_names import LAYER_NAMES
from model.random_filters import FILTER_SIZES


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


def octave_positions(size: int, octave: int, pyramid_mode: str) -> Positions:
    """Return where the pixels of an octave lie along an axis of the picture."""
    positions = Positions(0.0, 1.0, size)
    for _ in range(octave):
        positions = positions.halved(2 if pyramid_mode == "valid" else 0)
    return positions


def pyramid_sizes(size: int, octaves: int, mode: str) -> list[int]:
    """Return the heights (or widths) of a Gaussian pyramid's levels; they may be 0 or less: too many octaves."""
    return [octave_positions(size, octave, mode).count for octave in range(octaves)]


def layer_positions(layer: str, mode: str, pixels: Positions) -> Positions:
    """Return where the positions of a descriptor's layer lie, given the pixels that the descriptor sees."""
    if layer == RANDOM_LAYER:
        return pixels.convolved(FILTER_SIZES[-1] // 2 if mode == "valid" else 0)
    return positions_after(LAYER_NAMES[: LAYER_NAMES.index(layer) + 1], mode, pixels)


def positions_after(names: Iterable[str], mode: str, positions: Positions) -> Positions:
    """Return where the positions lie after the layers `names`, that follow each other."""
    for name in names:
        if name.startswith("pool"):
            positions = positions.pooled()
        elif name.startswith("conv") and mode == "valid":
            positions = positions.convolved(1)
    return positions


def map_size(layer: str, size: tuple[int, int], modes: tuple[str, str]) -> tuple[int, int]:
    """Return the (height, width) of a layer's maps of a picture of (height, width); modes are those of the axes."""
    height, width = (
        layer_positions(layer, mode, Positions(0.0, 1.0, side)).count for side, mode in zip(size, modes, strict=True)
    )
    return height, width


def smallest_input(layers: Iterable[str], modes: tuple[str, str] = ("same", "same")) -> tuple[int, int]:
    """Return the least (height, width) of a picture for which every one of VGG-19's layers has an activation.

    Args:
        layers: by their names.
        modes: (vertical, horizontal) padding of the convolutions.
    """
    names = list(layers)
    height, width = (max(_smallest_axis(name, mode) for name in names) for mode in modes)
    return height, width


def _smallest_axis(name: str, mode: str) -> int:
    size = 1
    for layer in reversed(LAYER_NAMES[: LAYER_NAMES.index(name) + 1]):
        if layer.startswith("pool"):
            size *= 2
        elif layer.startswith("conv") and mode == "valid":
            size += 2
    return size


def receptive_field(layer: str) -> int:
    """Return how many neighbouring pixels one position of a layer sees."""
    if layer == RANDOM_LAYER:
        return FILTER_SIZES[-1]
    size, step = 1, 1
    for name in LAYER_NAMES[: LAYER_NAMES.index(layer) + 1]:
        if name.startswith("pool"):
            size += step
            step *= 2
        elif name.startswith("conv"):
            size += 2 * step
    return size
