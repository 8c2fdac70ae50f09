"""Sizes and boundaries of a synthesis: octaves, scales, margins, paddings, and what fits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from choices import RANDOM_LAYER
from describe.positions import (
    Positions,
    layer_positions,
    pyramid_sizes,
    receptive_field,
    smallest_input,
)
from errors import ArgumentError, counted
from losses.pyramid import PyramidMode
from model.padded_convolution import PaddingMode
from model.random_filters import FILTER_SIZES

# Coarse-to-fine starts no smaller than this: below it a picture holds too little to begin with.
MIN_SIDE = 48
# Few positions see the pixels near an edge, or they see zeros beyond it. Scales before the last are continued beyond it
# by half of what a position sees, up to so many pixels, so that nothing bad grows from the edge.
MAX_MARGIN = 24
# A source that is small at the coarsest octave is continued by mirroring, up to so many times its size.
MAX_MIRRORING = 2
# Along each axis; a Gram matrix of a single position has rank one, which no larger picture can match.
SOURCE_POSITIONS = 4
# Along each axis, that further octaves need at the scales before the last. A Gram matrix of fewer positions cannot
# come near its target: its loss would outweigh all others and leave them to noise.
OCTAVE_POSITIONS = 8

T = TypeVar("T")
Size = tuple[int, int]
Modes = tuple[PaddingMode, PaddingMode]
PyramidModes = tuple[PyramidMode, PyramidMode]


@dataclass(frozen=True)
class Scale:
    """One size of the schedule.

    Attributes:
        size: (height, width) of the picture.
        margins: (rows, columns) worked on beyond the picture at each side.
        factor: of the final size, with which the sources are resized.
        octaves: levels of the pyramid that fit at this size.
        iterations: to be done at this size.
    """

    size: Size
    margins: Size
    factor: float
    octaves: int
    iterations: int

    @property
    def canvas(self) -> Size:
        """(height, width) of what is worked on: the picture and its margins."""
        return self.size[0] + 2 * self.margins[0], self.size[1] + 2 * self.margins[1]

    @property
    def halvings(self) -> int:
        """How often the output's size is halved."""
        return round(-math.log2(self.factor))

    def with_margins(self, mask: np.ndarray) -> np.ndarray:
        """Return a mask (height, width) of the picture continued over the canvas, its edges repeated."""
        return np.pad(mask, [(margin, margin) for margin in self.margins], mode="edge")


@dataclass(frozen=True)
class Paddings:
    """(vertical, horizontal) padding modes of the descriptor and of the pyramid.

    Where the output repeats, the descriptor sees it continued at its other side. The sources do not repeat: there
    they are described without padding.
    """

    output: Modes
    source: Modes
    output_pyramid: PyramidModes
    source_pyramid: PyramidModes


@dataclass(frozen=True)
class Geometry:
    """Sizes and boundaries of an output, and the layers that see it.

    Attributes:
        size: (height, width) of the output.
        layers: names of the descriptor's layers that are compared.
        octaves: number of levels of the pyramid at the output's size.
        wraps: whether the output repeats (vertically, horizontally).
        paddings: modes in which the descriptor and the pyramid pad output and sources.
        margin: pixels worked on beyond the edges of the output that do not wrap.
    """

    size: Size
    layers: tuple[str, ...]
    octaves: int
    wraps: tuple[bool, bool]
    paddings: Paddings
    margin: int = 0


def paddings(mode: PaddingMode, wraps: tuple[bool, bool]) -> Paddings:
    """Return the paddings for the mode "valid" or "same" of axes that repeat or not."""
    edge: PyramidMode = "valid" if mode == "valid" else "replicate"
    output: list[PaddingMode] = ["circular" if wrap else mode for wrap in wraps]
    source: list[PaddingMode] = ["valid" if wrap else mode for wrap in wraps]
    output_pyramid: list[PyramidMode] = ["circular" if wrap else edge for wrap in wraps]
    source_pyramid: list[PyramidMode] = ["valid" if wrap else edge for wrap in wraps]
    return Paddings(_pair(output), _pair(source), _pair(output_pyramid), _pair(source_pyramid))


def _pair(values: Iterable[T]) -> tuple[T, T]:
    vertical, horizontal = values
    return vertical, horizontal


def plan_scales(geometry: Geometry, source_sizes: Sequence[Size], *, schedule: str, max_iter: int) -> tuple[Scale, ...]:
    """Return the scales from coarse to fine; the last is the output's size with all octaves."""
    sizes = [geometry.size]
    if schedule == "coarse-to-fine":
        sizes = growing_sizes(*geometry.size, smallest=(MIN_SIDE, MIN_SIDE))
    scales = [_scale(geometry, source_sizes, size, 2.0 ** (i + 1 - len(sizes))) for i, size in enumerate(sizes)]
    scales = [scale for scale in scales if scale.octaves]
    iterations = split_iterations(max_iter, len(scales))
    return tuple(replace(scale, iterations=count) for scale, count in zip(scales, iterations, strict=True) if count)


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


def _scale(geometry: Geometry, source_sizes: Sequence[Size], size: Size, factor: float) -> Scale:
    """Return a scale without iterations."""
    margins = _pair(_margin(geometry, mode, is_last=factor == 1) for mode in geometry.paddings.output)
    scale = Scale(size, margins, factor, geometry.octaves, 0)
    positions = OCTAVE_POSITIONS if factor < 1 else 1
    fitting = min(
        octaves_of_output(geometry, scale.canvas, positions), octaves_of_sources(geometry, source_sizes, factor)
    )
    return replace(scale, octaves=fitting)


def _margin(geometry: Geometry, mode: PaddingMode, *, is_last: bool) -> int:
    """Return the pixels worked on beyond an edge whose axis has the mode."""
    if mode == "circular" or (mode == "same" and not geometry.margin):
        return 0
    if is_last:
        return geometry.margin
    # Enlarged, a scale's canvas must cover the next one's.
    return max(min(max(map(receptive_field, geometry.layers)) // 2, MAX_MARGIN), -(-geometry.margin // 2))


def invariant_step(geometry: Geometry) -> int:
    """Return the pixels by which a picture that repeats can be rolled without another loss."""
    return _layer_step(geometry) * 2 ** (geometry.octaves - 1)


def resized(size: Size, factor: float) -> Size:
    """Return (height, width) times `factor`, rounded, at least 1."""
    return _pair(max(1, round(side * factor)) for side in size)


def mirrored_size(geometry: Geometry, size: Size, octaves: int) -> Size:
    """Return the (height, width) to which a source of `size` is continued by mirroring.

    So that every layer has SOURCE_POSITIONS positions in every octave; where that would take more than
    MAX_MIRRORING times the source, so that it has at least one.
    """
    least, enough = (_source_size(geometry, octaves, positions) for positions in (1, SOURCE_POSITIONS))
    largest = (MAX_MIRRORING * side for side in size)
    return _pair(
        max(side, low, min(high, limit)) for side, low, high, limit in zip(size, least, enough, largest, strict=True)
    )


def _source_size(geometry: Geometry, octaves: int, positions: int) -> Size:
    """Return the (height, width) of a source in which every layer has so many positions along both axes."""
    modes = geometry.paddings
    pairs = zip(_seen(geometry, modes.source, positions), modes.source_pyramid, strict=True)
    return _pair(_size_before_halving(side, octaves - 1, mode) for side, mode in pairs)


def _size_before_halving(size: int, times: int, mode: str) -> int:
    """Return the least height (or width) of a picture whose pyramid reaches `size` after `times` halvings."""
    for _ in range(times):
        size = 2 * size + 3 if mode == "valid" else 2 * size - 1
    return size


def octaves_of_output(geometry: Geometry, size: Size, positions: int = 1) -> int:
    """Return how many octaves of an output of `size` leave the layers something to see.

    The first must give them a position, further ones `positions` along each axis.
    """
    modes = geometry.paddings
    heights, widths = (
        pyramid_sizes(side, geometry.octaves, mode) for side, mode in zip(size, modes.output_pyramid, strict=True)
    )
    first, further = (_seen(geometry, modes.output, count) for count in (1, positions))
    least = [first, *[further] * (geometry.octaves - 1)]
    levels = zip(heights, widths, least, strict=True)
    return sum(height >= rows and width >= columns for height, width, (rows, columns) in levels)


def octaves_of_sources(geometry: Geometry, source_sizes: Sequence[Size], factor: float) -> int:
    """Return how many octaves the sources, resized by `factor`, allow when they are continued by mirroring."""
    octaves = geometry.octaves
    while octaves and any(_too_small(geometry, resized(size, factor), octaves) for size in source_sizes):
        octaves -= 1
    return octaves


def _too_small(geometry: Geometry, source_size: Size, octaves: int) -> bool:
    least = _source_size(geometry, octaves, 1)
    return any(wanted > MAX_MIRRORING * side for wanted, side in zip(least, source_size, strict=True))


def check_sizes(geometry: Geometry, source_sizes: Sequence[Size]) -> None:
    """Raise ArgumentError where the output or a source is too small for the layers at the smallest octave."""
    layers = f"the layers {' '.join(geometry.layers)}"
    fitting = octaves_of_output(geometry, geometry.size)
    if fitting < geometry.octaves:
        least = _seen(geometry, geometry.paddings.output, 1)
        raise ArgumentError(
            f"an output of {geometry.size[1]} x {geometry.size[0]} is too small for "
            f"{counted(geometry.octaves, 'octave')}: {layers} need {least[1]} x {least[0]} "
            f"pixels at the smallest; {_advice(fitting)}"
        )
    for i, size in enumerate(source_sizes):
        if _too_small(geometry, size, geometry.octaves):
            least = _source_size(geometry, geometry.octaves, 1)
            raise ArgumentError(
                f"source {i + 1} of {size[1]} x {size[0]} is too small for {counted(geometry.octaves, 'octave')}: "
                f"{layers} need {least[1]} x {least[0]}, or half of that with mirroring; "
                f"{_advice(octaves_of_sources(geometry, [size], 1.0))}"
            )


def _advice(octaves: int) -> str:
    if octaves:
        return f"at most {octaves} fit (`octaves`)"
    return "use a larger picture, or layers with smaller receptive fields"


def _seen(geometry: Geometry, modes: Modes, positions: int) -> Size:
    """Return the least (height, width) at which every layer has so many activations along each axis."""
    if geometry.layers == (RANDOM_LAYER,):
        smallest = _pair(FILTER_SIZES[-1] if mode == "valid" else FILTER_SIZES[-1] // 2 for mode in modes)
    else:
        smallest = smallest_input(geometry.layers, modes)
    return _pair(side + (positions - 1) * _layer_step(geometry) for side in smallest)


def _layer_step(geometry: Geometry) -> int:
    """Return the pixels between neighbouring positions of the deepest layer."""
    return max(int(layer_positions(layer, "same", Positions(0.0, 1.0, 1)).step) for layer in geometry.layers)
