"""The scales of a synthesis: which sizes, how many octaves and iterations at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from errors import ArgumentError
from losses.positions import Positions
from losses.pyramid import pyramid_sizes, size_before_halving
from model.random_filters import FILTER_SIZES
from model.vgg19 import smallest_input
from optimize.schedule import growing_sizes, split_iterations
from pipelines.synthesis.feature_positions import layer_positions, receptive_field
from pipelines.synthesis.settings import SynthesisSettings

# Coarse-to-fine starts no smaller than this: below it a picture holds too little to begin with.
SMALLEST_SIDE = 48
# Without padding few positions see the pixels near an edge. Scales before the last are continued beyond it by half of
# what a position sees, up to so many pixels, so that nothing bad grows from the edge.
LARGEST_MARGIN = 24
# A source that is small at the coarsest octave is continued by mirroring, up to so many times its size.
LARGEST_MIRRORING = 2
# Along each axis; a Gram matrix of a single position has rank one, which no larger picture can match.
SOURCE_POSITIONS = 4
# Along each axis, that further octaves need at the scales before the last. A Gram matrix of fewer positions cannot
# come near its target: its loss would outweigh all others and leave them to noise.
OCTAVE_POSITIONS = 8

Size = tuple[int, int]
Modes = tuple[str, str]


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
    scales = [_scale(settings, source_sizes, size, 2.0 ** (i + 1 - len(sizes))) for i, size in enumerate(sizes)]
    scales = [scale for scale in scales if scale.octaves]
    iterations = split_iterations(settings.max_iter, len(scales))
    return [replace(scale, iterations=count) for scale, count in zip(scales, iterations, strict=True) if count]


def _scale(settings: SynthesisSettings, source_sizes: Sequence[Size], size: Size, factor: float) -> Scale:
    """Return a scale without iterations."""
    margin = min(max(map(receptive_field, settings.layers)) // 2, LARGEST_MARGIN) if factor < 1 else 0
    margins = tuple(margin if mode == "valid" else 0 for mode in paddings(settings).output)
    scale = Scale(size, margins, factor, settings.octaves, 0)
    positions = OCTAVE_POSITIONS if factor < 1 else 1
    fitting = min(
        _octaves_of_output(settings, scale.canvas, positions), _octaves_of_sources(settings, source_sizes, factor)
    )
    return replace(scale, octaves=fitting)


def invariant_step(settings: SynthesisSettings) -> int:
    """Return the pixels by which a picture that repeats can be rolled without another loss."""
    return _layer_step(settings) * 2 ** (settings.octaves - 1)


def resized(size: Size, factor: float) -> Size:
    """Return (height, width) times `factor`, rounded, at least 1."""
    return tuple(max(1, round(side * factor)) for side in size)


def mirrored_size(settings: SynthesisSettings, size: Size, octaves: int) -> Size:
    """Return the (height, width) to which a source of `size` is continued by mirroring.

    So that every layer has SOURCE_POSITIONS positions in every octave; where that would take more than
    LARGEST_MIRRORING times the source, so that it has at least one.
    """
    least, enough = (_source_size(settings, octaves, positions) for positions in (1, SOURCE_POSITIONS))
    largest = (LARGEST_MIRRORING * side for side in size)
    return tuple(
        max(side, low, min(high, limit)) for side, low, high, limit in zip(size, least, enough, largest, strict=True)
    )


def _source_size(settings: SynthesisSettings, octaves: int, positions: int) -> Size:
    """Return the (height, width) of a source in which every layer has so many positions along both axes."""
    modes = paddings(settings)
    pairs = zip(_seen(settings, modes.source, positions), modes.source_pyramid, strict=True)
    return tuple(size_before_halving(side, octaves - 1, mode) for side, mode in pairs)


def _octaves_of_output(settings: SynthesisSettings, size: Size, positions: int = 1) -> int:
    """Return how many octaves of an output of `size` leave the layers something to see.

    The first must give them a position, further ones `positions` along each axis.
    """
    modes = paddings(settings)
    heights, widths = (
        pyramid_sizes(side, settings.octaves, mode) for side, mode in zip(size, modes.output_pyramid, strict=True)
    )
    first, further = (_seen(settings, modes.output, count) for count in (1, positions))
    least = [first, *[further] * (settings.octaves - 1)]
    levels = zip(heights, widths, least, strict=True)
    return sum(height >= rows and width >= columns for height, width, (rows, columns) in levels)


def _octaves_of_sources(settings: SynthesisSettings, source_sizes: Sequence[Size], factor: float) -> int:
    """Return how many octaves the sources, resized by `factor`, allow when they are continued by mirroring."""
    octaves = settings.octaves
    while octaves and any(_too_small(settings, resized(size, factor), octaves) for size in source_sizes):
        octaves -= 1
    return octaves


def _too_small(settings: SynthesisSettings, source_size: Size, octaves: int) -> bool:
    least = _source_size(settings, octaves, 1)
    return any(wanted > LARGEST_MIRRORING * side for wanted, side in zip(least, source_size, strict=True))


def _check_sizes(settings: SynthesisSettings, source_sizes: Sequence[Size]) -> None:
    layers = f"the layers {' '.join(settings.layers)}"
    fitting = _octaves_of_output(settings, settings.size)
    if fitting < settings.octaves:
        least = _seen(settings, paddings(settings).output, 1)
        raise ArgumentError(
            f"an output of {settings.output_width} x {settings.output_height} is too small for {settings.octaves} "
            f"octaves: {layers} see {least[1]} x {least[0]} pixels of the smallest; {_advice(fitting)}"
        )
    for i, size in enumerate(source_sizes):
        if _too_small(settings, size, settings.octaves):
            least = _source_size(settings, settings.octaves, 1)
            raise ArgumentError(
                f"source {i + 1} of {size[1]} x {size[0]} is too small for {settings.octaves} octaves: {layers} want "
                f"{least[1]} x {least[0]}, which mirroring allows from half that size on; "
                f"{_advice(_octaves_of_sources(settings, [size], 1.0))}"
            )


def _advice(octaves: int) -> str:
    return f"at most --octaves {octaves} fit" if octaves else "take a larger picture or layers that see less"


def _seen(settings: SynthesisSettings, modes: Modes, positions: int) -> Size:
    """Return the least (height, width) at which every layer has so many activations along each axis."""
    if settings.descriptor == "random":
        smallest = [FILTER_SIZES[-1] if mode == "valid" else FILTER_SIZES[-1] // 2 for mode in modes]
    else:
        smallest = smallest_input(settings.layers, modes)
    return tuple(side + (positions - 1) * _layer_step(settings) for side in smallest)


def _layer_step(settings: SynthesisSettings) -> int:
    """Return the pixels between neighbouring positions of the deepest layer."""
    return max(int(layer_positions(layer, "same", Positions(0.0, 1.0, 1)).step) for layer in settings.layers)
