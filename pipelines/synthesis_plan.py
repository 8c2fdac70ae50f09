"""The scales of a synthesis: which sizes, how many octaves and iterations at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from errors import ArgumentError
from losses.pyramid import pyramid_sizes
from model.random_filters import FILTER_SIZES
from model.vgg19 import smallest_input
from optimize.schedule import growing_sizes, split_iterations
from pipelines.synthesis_settings import SynthesisSettings

# Coarse-to-fine starts no smaller than this: below it a picture holds too little to begin with.
SMALLEST_SIDE = 48

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
        _octaves_that_fit(settings, size, source_sizes, factor) for size, factor in zip(sizes, factors, strict=True)
    ]
    first = next(i for i, count in enumerate(octaves) if count)
    iterations = split_iterations(settings.max_iter, len(sizes) - first)
    rows = zip(sizes[first:], factors[first:], octaves[first:], iterations, strict=True)
    return [Scale(*row) for row in rows if row[-1]]


def _octaves_that_fit(settings: SynthesisSettings, size: Size, source_sizes: Sequence[Size], factor: float) -> int:
    """Return the number of octaves at which the layers still have activations, of output and resized sources."""
    modes = paddings(settings)
    counts = [_fitting(settings, size, modes.output, modes.output_pyramid)]
    for source in source_sizes:
        counts.append(_fitting(settings, resized(source, factor), modes.source, modes.source_pyramid))
    return min(counts)


def resized(size: Size, factor: float) -> Size:
    """Return (height, width) times `factor`, rounded, at least 1."""
    return tuple(max(1, round(side * factor)) for side in size)


def _check_sizes(settings: SynthesisSettings, source_sizes: Sequence[Size]) -> None:
    modes = paddings(settings)
    _check_size(settings, "the output", settings.size, modes.output, modes.output_pyramid)
    for i, size in enumerate(source_sizes):
        _check_size(settings, f"source {i + 1}", size, modes.source, modes.source_pyramid)


def _check_size(settings: SynthesisSettings, name: str, size: Size, modes: Modes, pyramid_modes: Modes) -> None:
    fitting = _fitting(settings, size, modes, pyramid_modes)
    if fitting < settings.octaves:
        least = " x ".join(map(str, reversed(_smallest(settings, modes))))
        octaves = (
            pyramid_sizes(size[0], settings.octaves, pyramid_modes[0]),
            pyramid_sizes(size[1], settings.octaves, pyramid_modes[1]),
        )
        last = f"{max(0, octaves[1][-1])} x {max(0, octaves[0][-1])}"
        advice = f"at most --octaves {fitting}" if fitting else "a larger picture, or layers that see less"
        raise ArgumentError(
            f"{name} of {size[1]} x {size[0]} pixels is too small: octave {settings.octaves} would have {last}, the "
            f"layers {' '.join(settings.layers)} need {least}; it allows {advice}"
        )


def _fitting(settings: SynthesisSettings, size: Size, modes: Modes, pyramid_modes: Modes) -> int:
    """Return how many of the octaves leave the layers something to see."""
    least = _smallest(settings, modes)
    levels = zip(
        *(pyramid_sizes(side, settings.octaves, mode) for side, mode in zip(size, pyramid_modes, strict=True)),
        strict=True,
    )
    return sum(height >= least[0] and width >= least[1] for height, width in levels)


def _smallest(settings: SynthesisSettings, modes: Modes) -> Size:
    """Return the least (height, width) at which every layer has an activation."""
    if settings.descriptor == "random":
        return tuple(FILTER_SIZES[-1] if mode == "valid" else FILTER_SIZES[-1] // 2 for mode in modes)
    return smallest_input(settings.layers, modes)
