"""The scales of a synthesis: which sizes, how many octaves and iterations at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from errors import ArgumentError
from losses.pyramid import pyramid_sizes, size_before_halving
from model.random_filters import FILTER_SIZES
from model.vgg19 import smallest_input
from optimize.schedule import growing_sizes, split_iterations
from pipelines.synthesis_settings import SynthesisSettings

# Coarse-to-fine starts no smaller than this: below it a picture holds too little to begin with.
SMALLEST_SIDE = 48
# A source that is too small for the coarsest octave is continued by mirroring, up to so many times its size.
LARGEST_MIRRORING = 2

Size = tuple[int, int]
Modes = tuple[str, str]


@dataclass(frozen=True)
class Scale:
    """One size of the schedule.

    Attributes:
        size: (height, width) of the output.
        factor: of the final size, with which the sources are resized.
        octaves: levels of the pyramid that fit at this size.
        iterations: to be done at this size.
    """

    size: Size
    factor: float
    octaves: int
    iterations: int


@dataclass(frozen=True)
class Paddings:
    """(vertical, horizontal) padding modes of the descriptor and of the pyramid.

    Where the output repeats, the descriptor sees it continued at its other side. The sources do not repeat: there
    they are described without padding.
    """

    output: Modes
    source: Modes
    output_pyramid: Modes
    source_pyramid: Modes


def paddings(settings: SynthesisSettings) -> Paddings:
    """Return the paddings that the settings ask for."""
    mode = settings.padding_mode
    edge = "valid" if mode == "valid" else "replicate"
    return Paddings(
        output=tuple("circular" if wraps else mode for wraps in settings.wraps),
        source=tuple("valid" if wraps else mode for wraps in settings.wraps),
        output_pyramid=tuple("circular" if wraps else edge for wraps in settings.wraps),
        source_pyramid=tuple("valid" if wraps else edge for wraps in settings.wraps),
    )


def plan_scales(settings: SynthesisSettings, source_sizes: Sequence[Size]) -> list[Scale]:
    """Return the scales from coarse to fine; the last is the output's size with all octaves.

    Raises:
        ArgumentError: the output or a source is too small for the layers at the smallest octave.
    """
    _check_sizes(settings, source_sizes)
    sizes = [settings.size]
    if settings.schedule == "coarse-to-fine":
        sizes = growing_sizes(*settings.size, smallest=(SMALLEST_SIDE, SMALLEST_SIDE))
    factors = [2.0 ** (i + 1 - len(sizes)) for i in range(len(sizes))]
    octaves = [
        min(_octaves_of_output(settings, size), _octaves_of_sources(settings, source_sizes, factor))
        for size, factor in zip(sizes, factors, strict=True)
    ]
    first = next(i for i, count in enumerate(octaves) if count)
    iterations = split_iterations(settings.max_iter, len(sizes) - first)
    rows = zip(sizes[first:], factors[first:], octaves[first:], iterations, strict=True)
    return [Scale(*row) for row in rows if row[-1]]


def resized(size: Size, factor: float) -> Size:
    """Return (height, width) times `factor`, rounded, at least 1."""
    return tuple(max(1, round(side * factor)) for side in size)


def least_source_size(settings: SynthesisSettings, octaves: int) -> Size:
    """Return the (height, width) that a source must have for the layers to see something in every octave."""
    modes = paddings(settings)
    pairs = zip(_smallest(settings, modes.source), modes.source_pyramid, strict=True)
    return tuple(size_before_halving(side, octaves - 1, mode) for side, mode in pairs)


def _octaves_of_output(settings: SynthesisSettings, size: Size) -> int:
    """Return how many octaves of an output of `size` leave the layers something to see."""
    modes = paddings(settings)
    least = _smallest(settings, modes.output)
    heights, widths = (
        pyramid_sizes(side, settings.octaves, mode) for side, mode in zip(size, modes.output_pyramid, strict=True)
    )
    return sum(height >= least[0] and width >= least[1] for height, width in zip(heights, widths, strict=True))


def _octaves_of_sources(settings: SynthesisSettings, source_sizes: Sequence[Size], factor: float) -> int:
    """Return how many octaves the sources, resized by `factor`, allow when they are continued by mirroring."""
    octaves = settings.octaves
    while octaves and any(_too_small(settings, resized(size, factor), octaves) for size in source_sizes):
        octaves -= 1
    return octaves


def _too_small(settings: SynthesisSettings, source_size: Size, octaves: int) -> bool:
    least = least_source_size(settings, octaves)
    return any(wanted > LARGEST_MIRRORING * side for wanted, side in zip(least, source_size, strict=True))


def _check_sizes(settings: SynthesisSettings, source_sizes: Sequence[Size]) -> None:
    layers = f"the layers {' '.join(settings.layers)}"
    fitting = _octaves_of_output(settings, settings.size)
    if fitting < settings.octaves:
        least = _smallest(settings, paddings(settings).output)
        raise ArgumentError(
            f"an output of {settings.output_width} x {settings.output_height} is too small for {settings.octaves} "
            f"octaves: {layers} see {least[1]} x {least[0]} pixels of the smallest; {_advice(fitting)}"
        )
    for i, size in enumerate(source_sizes):
        if _too_small(settings, size, settings.octaves):
            least = least_source_size(settings, settings.octaves)
            raise ArgumentError(
                f"source {i + 1} of {size[1]} x {size[0]} is too small for {settings.octaves} octaves: {layers} want "
                f"{least[1]} x {least[0]}, which mirroring allows from half that size on; "
                f"{_advice(_octaves_of_sources(settings, [size], 1.0))}"
            )


def _advice(octaves: int) -> str:
    return f"at most --octaves {octaves} fit" if octaves else "take a larger picture or layers that see less"


def _smallest(settings: SynthesisSettings, modes: Modes) -> Size:
    """Return the least (height, width) at which every layer has an activation."""
    if settings.descriptor == "random":
        return tuple(FILTER_SIZES[-1] if mode == "valid" else FILTER_SIZES[-1] // 2 for mode in modes)
    return smallest_input(settings.layers, modes)
