"""What follows from the options of a synthesis and the sizes of its sources: everything that it computes with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from errors import ArgumentError
from losses.pictures.histograms import MIN_WRAPPED_SIDE
from options import refuse
from pipelines.descriptors import Descriptor
from pipelines.memory_bound import parse_memory
from pipelines.resources import PICTURE_BYTES, Resources, Work, plan_resources
from pipelines.synthesis.feature_terms import KINDS, FeatureTermsPlan
from pipelines.synthesis.geometry import (
    Geometry,
    Scale,
    Size,
    check_sizes,
    octaves_of_output,
    octaves_of_sources,
    paddings,
    plan_scales,
)
from pipelines.synthesis.picture_terms import PictureTermsPlan
from pipelines.synthesis.places.morph import Morph
from pipelines.synthesis.settings import MAX_OCTAVES, REGULAR, SynthesisSettings, Where, resolve_layers
from pipelines.synthesis.targets import BYTES_AT_ONCE, MAX_PIXELS, FramesPlan, ObjectivePlan
from runs.machine import check_memory, choose_precision

# Bytes a pixel of a source while the terms of pictures are made, and those of one whose features are wanted at once.
SOURCE_BYTES, DESCRIBED_BYTES = 360, 1_700

if TYPE_CHECKING:
    from losses.frames import FrameDistance
    from losses.joins import JoinMode
    from model.descriptor import DescriptorName
    from model.padded_convolution import PaddingMode
    from model.vgg19 import Pooling


@dataclass(frozen=True)
class SynthesisPlan:
    """Everything that a synthesis computes with beside its pictures.

    Attributes:
        objective: what is compared.
        scales: from coarse to fine; the last is the output's size with all octaves.
        term_weights: of the terms beside Gram matrices, by the names of their options.
        regularity: of the sources, by which they may have been chosen.
        seed: kind of the first picture, "random" or "symmetric".
        random_seed: of all noise.
        optimizer: "l-bfgs-b" or "lbfgs".
        bounds: of the pixels while optimising, or None.
        tol: ftol and gtol of the optimiser.
        match_histogram: whether finished pictures get the sources' histograms.
        notes: what the user should know before the run begins.
    """

    objective: ObjectivePlan
    scales: tuple[Scale, ...]
    term_weights: Mapping[str, float]
    regularity: float
    seed: str
    random_seed: int
    optimizer: str
    bounds: tuple[float, float] | None
    tol: float
    match_histogram: bool
    notes: tuple[str, ...]

    @property
    def geometry(self) -> Geometry:
        """Sizes and boundaries of the output."""
        return self.objective.geometry

    @property
    def count(self) -> int:
        """Number of frames."""
        return self.objective.frames.count

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """(count, height, width, 3) of the frames at each scale."""
        return [(self.count, *scale.canvas, 3) for scale in self.scales]

    @property
    def max_iter(self) -> int:
        """Iterations of all scales."""
        return sum(scale.iterations for scale in self.scales)


def plan_synthesis(
    settings: SynthesisSettings,
    source_sizes: Sequence[Size],
    *,
    has_start: bool = False,
    has_regions: bool = False,
    morph: Morph | None = None,
    regularity: float = 0.0,
) -> SynthesisPlan:
    """Return what follows from the settings.

    Args:
        settings: what is asked for.
        source_sizes: (height, width) of the sources.
        has_start: whether there is a picture to start from.
        has_regions: whether label pictures tell regions of source and output.
        morph: how the output changes from its first source to its second, or None.
        regularity: of the sources.

    Raises:
        ArgumentError: the output or a source is too small for the layers at the smallest octave, or the output is too
            large for this machine's memory.
    """
    check_memory(settings.count * settings.size[0] * settings.size[1] * PICTURE_BYTES, _asked(settings))
    precision, precision_note = choose_precision(settings.precision)
    geometry, octaves_note = _fitting_geometry(settings, source_sizes)
    schedule = settings.schedule or ("single" if has_start else "coarse-to-fine")
    scales = plan_scales(geometry, source_sizes, schedule=schedule, max_iter=settings.max_iter)
    where = _where(settings, len(source_sizes), has_regions, morph)
    _check_shift(settings, source_sizes)
    weights = settings.term_weights(regularity, where)
    _check_wrapped_sides(weights, scales, geometry.wraps)
    objective = replace(_plan_objective(settings, geometry, weights, precision), morph=morph)
    resources = _resources(settings, objective, scales, source_sizes, has_regions)
    return SynthesisPlan(
        objective=replace(objective, folder=resources.folder),
        scales=scales,
        term_weights=weights,
        regularity=regularity,
        seed=settings.seed,
        random_seed=settings.random_seed,
        optimizer=settings.optimizer,
        bounds=(0.0, 1.0) if settings.bounds else None,
        tol=settings.tol,
        match_histogram=settings.match_histogram,
        notes=tuple(filter(None, (precision_note, octaves_note, *_notes(settings, regularity, where), resources.note))),
    )


def _asked(settings: SynthesisSettings, margin: int = 0) -> str:
    """Return the options that make an output, with its margin, as large as it is."""
    height, width = settings.size
    if margin > max(height, width):
        return "`margin`"
    side = "`output_height`" if height > width else "`output_width`"
    return side if settings.count == 1 else f"{side} or `count`"


def _where(settings: SynthesisSettings, sources: int, has_regions: bool, morph: Morph | None) -> Where:
    """Return whether the texture is everywhere, in regions, or changes to another.

    Raises:
        ArgumentError: an option has no meaning there.
    """
    if sources == 1:
        refuse(settings, ("join_mode",), "only for several sources")
    if morph is None:
        return "regions" if has_regions else "everywhere"
    if has_regions:
        raise ArgumentError("`guide` and `morph` exclude each other")
    if settings.join_mode != "average" or settings.match_histogram:
        name = "match_histogram" if settings.match_histogram else "join_mode"
        raise ArgumentError(f"`{name}` cannot be used with `morph`: it is for sources of one texture")
    return "morph"


def _check_shift(settings: SynthesisSettings, source_sizes: Sequence[Size]) -> None:
    """Raise ArgumentError where a source that is shifted is out of itself: it comes back at its other side."""
    least = min(map(min, source_sizes))
    if settings.count > 1 and settings.if_shift >= least:
        raise ArgumentError(
            f"`if_shift` {settings.if_shift:g} must be below the shortest side of the sources, {least} pixels"
        )


def _check_wrapped_sides(weights: Mapping[str, float], scales: Sequence[Scale], wraps: tuple[bool, bool]) -> None:
    """Raise ArgumentError where a direction that repeats is too short for the pyramids of spectrum and histograms."""
    least = min((side for scale in scales for side, wrap in zip(scale.size, wraps, strict=True) if wrap), default=None)
    for name in ("spectrum_weight", "histogram_weight"):
        if weights[name] and least is not None and least < MIN_WRAPPED_SIDE:
            raise ArgumentError(
                f"`tileable`: {least} pixels are too few for `{name}`, which needs {MIN_WRAPPED_SIDE} in directions "
                "that repeat: choose a larger output, or a weight of 0"
            )


def _notes(settings: SynthesisSettings, regularity: float, where: Where) -> Iterator[str]:
    if settings.tileable == "both" and settings.padding_mode != "valid":  # no error, since presets set it too
        yield f"`padding_mode` {settings.padding_mode} has no effect with `tileable` both: such a picture has no edges"
    if settings.statistics == "auto" and regularity >= REGULAR and where == "everywhere" and settings.mul == 1:
        yield f"`statistics`: regular, because the sources repeat (autocorrelation {regularity:.2f})"


def _plan_objective(
    settings: SynthesisSettings, geometry: Geometry, weights: Mapping[str, float], precision: str
) -> ObjectivePlan:
    return ObjectivePlan(
        geometry=geometry,
        descriptor=Descriptor(
            geometry.layers,
            name=cast("DescriptorName", settings.descriptor),
            pooling=cast("Pooling", settings.pooling),
            rescale_pooling=False,
            weights=settings.weights,
            data_dir=settings.data_dir,
            seed=settings.random_seed,
            precision=precision,
        ),
        frames=FramesPlan(
            count=settings.count,
            weight=settings.if_weight,
            shift=settings.if_shift,
            order=settings.if_order,
            distance=cast("FrameDistance", settings.if_distance_type),
            octaves=settings.if_octaves,
            loop=settings.loop,
        ),
        pictures=PictureTermsPlan(
            spectrum=weights["spectrum_weight"],
            histograms=weights["histogram_weight"],
            autocorrelation=weights["autocorrelation_weight"],
        ),
        features=FeatureTermsPlan({kind: weights[f"{kind}_weight"] for kind in KINDS}),
        join_mode=cast("JoinMode", settings.join_mode),
        mul=settings.mul,
    )


def _resources(
    settings: SynthesisSettings,
    objective: ObjectivePlan,
    scales: Sequence[Scale],
    source_sizes: Sequence[Size],
    has_regions: bool,
) -> Resources:
    geometry = objective.geometry
    at_once, in_pieces = objective.pictures.bytes_needed()
    canvases = [(scale.canvas[0] * scale.canvas[1], scale.iterations) for scale in scales]
    work = Work(
        size=geometry.size,
        pixels=settings.count * max(pixels for pixels, _ in canvases),
        pixel_iterations=settings.count * sum(pixels * iterations for pixels, iterations in canvases),
        layers=geometry.layers,
        octaves=geometry.octaves,
        optimizer=settings.optimizer,
        max_pixels=MAX_PIXELS,
        bytes_at_once=BYTES_AT_ONCE + at_once + objective.features.bytes_needed(geometry.layers),
        bytes_of_terms=in_pieces,
        bytes_before=_bytes_of_sources(objective, max(map(math.prod, source_sizes)), has_regions),
    )
    return plan_resources(work, parse_memory(settings.memory), _asked(settings, settings.margin))


def _bytes_of_sources(objective: ObjectivePlan, pixels: int, has_regions: bool) -> int:
    """Return about how many bytes it takes to describe a source of so many pixels, in strips where that is enough."""
    at_once = pixels if has_regions else min(pixels, MAX_PIXELS)
    return SOURCE_BYTES * pixels + DESCRIBED_BYTES * at_once


def _fitting_geometry(settings: SynthesisSettings, source_sizes: Sequence[Size]) -> tuple[Geometry, str]:
    """Return the geometry and a note where fewer octaves fit than a user who names none may expect."""
    wraps = settings.tileable in ("y", "both"), settings.tileable in ("x", "both")
    geometry = Geometry(
        size=settings.size,
        layers=resolve_layers(settings.descriptor, settings.layers),
        octaves=settings.octaves or MAX_OCTAVES,
        wraps=wraps,
        paddings=paddings(cast("PaddingMode", settings.padding_mode), wraps),
        margin=settings.margin,
    )
    note = ""
    if settings.octaves is None:
        fitting = min(octaves_of_output(geometry, geometry.size), octaves_of_sources(geometry, source_sizes, 1.0))
        geometry = replace(geometry, octaves=max(1, fitting))
        if fitting < MAX_OCTAVES:
            note = f"`octaves`: {geometry.octaves} of {MAX_OCTAVES} fit into the sizes of the output and the sources"
    if settings.if_octaves > geometry.octaves:
        raise ArgumentError(f"`if_octaves` {settings.if_octaves} must be at most the octaves, {geometry.octaves}")
    check_sizes(geometry, source_sizes)
    return geometry, note
