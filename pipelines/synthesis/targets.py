"""What a synthesis compares with at each scale: the Gram matrices of its sources, and where they are wanted."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from describe.descriptor import StripedDescriptor
from describe.gram import gram_matrix
from describe.positions import Positions, layer_positions, octave_positions
from describe.segments import split_descriptor
from errors import UserError
from images.resizing import resize
from losses.evaluation import compile_loss
from losses.features import Comparison, FeatureTerm
from losses.frames import FrameDistance
from losses.joins import JoinMode
from losses.loss import Loss, WeightedSum
from losses.pyramid import gaussian_pyramid
from losses.texture import GramComparison, guided_gram_matrix
from optimize.progress import Evaluate
from pipelines.descriptors import Descriptor
from pipelines.synthesis.feature_terms import COARSE_OCTAVES, FeatureTermsPlan, mean_statistics
from pipelines.synthesis.geometry import Geometry, Modes, Scale, mirrored_size, resized
from pipelines.synthesis.inputs import SynthesisInputs, mirrored
from pipelines.synthesis.objective import frames_apart, texture_loss
from pipelines.synthesis.picture_terms import PictureTermsPlan
from pipelines.synthesis.places.morph import Morph
from pipelines.synthesis.places.places import Places
from pipelines.synthesis.places.regions import Regions
from runs.machine import return_memory_at_once

# A batch of pictures with more pixels is not described at once: 512 x 512 with its margins is. In float32 and up to
# relu3_2 the descriptor takes about so many bytes for each.
MAX_PIXELS, BYTES_AT_ONCE = 330_000, 1_200


@dataclass(frozen=True, eq=False)
class OctaveStatistics:
    """What one source is described by at an octave.

    Attributes:
        grams: of its layers: one Gram matrix for each region, or a single one.
        further: statistics of its features, by layer and kind.
    """

    grams: Mapping[str, Sequence[np.ndarray]]
    further: Mapping[tuple[str, str], tuple[np.ndarray, ...]]


@dataclass(frozen=True)
class FramesPlan:
    """How several frames are kept apart; see losses.frames.

    Attributes:
        count: of frames.
        weight: factor of the inter-frame loss.
        shift: of the sources, in pixels, whose distance is the target.
        order: neighbours that each frame is compared with.
        distance: "l2" or "lap1".
        octaves: number of octaves at which frames are compared.
        loop: whether the last frame is followed by the first.
    """

    count: int
    weight: float
    shift: float
    order: int
    distance: FrameDistance
    octaves: int
    loop: bool


@dataclass(frozen=True)
class ObjectivePlan:
    """What frames are compared in.

    Attributes:
        geometry: sizes, boundaries and layers of the output.
        descriptor: what describes the pictures.
        frames: how many are made, and how they are kept apart.
        pictures: weights of the terms of the pictures themselves.
        features: weights of the terms of features beside Gram matrices.
        join_mode: mean of the sources' Gram matrices.
        mul: factor of the target Gram matrices.
        morph: how the output changes from its first source to its second; None: it does not.
        folder: where maps of the descriptor go that do not fit into memory; None: they fit.
    """

    geometry: Geometry
    descriptor: Descriptor
    frames: FramesPlan
    pictures: PictureTermsPlan
    features: FeatureTermsPlan
    join_mode: JoinMode
    mul: float
    morph: Morph | None = None
    folder: str | None = None

    def build(self, inputs: SynthesisInputs) -> Objectives:
        """Return what makes the loss of every scale."""
        return Objectives(self, inputs)


class Objectives:
    """Makes the loss of any scale; the descriptor is built once, when it is needed.

    Args:
        plan: what is compared.
        inputs: pictures of the synthesis.
    """

    def __init__(self, plan: ObjectivePlan, inputs: SynthesisInputs) -> None:
        self.plan = plan
        self.inputs = inputs
        self.layers = plan.geometry.layers
        self.paddings = plan.geometry.paddings

    @functools.cached_property
    def descriptor(self) -> keras.Model:
        """The descriptor of frames.

        Raises:
            UserError: the weights cannot be read.
        """
        return self.plan.descriptor.build(self.paddings.output)

    @functools.cached_property
    def source_descriptor(self) -> keras.Model:
        """The descriptor of sources, which do not repeat."""
        is_same = self.paddings.source == self.paddings.output
        return self.descriptor if is_same else self.plan.descriptor.build(self.paddings.source)

    @functools.cached_property
    def striped(self) -> StripedDescriptor:
        """The descriptor of frames in segments and strips."""
        return self._striped(self.descriptor, self.paddings.output)

    @functools.cached_property
    def source_striped(self) -> StripedDescriptor:
        """The descriptor of sources in segments and strips."""
        return self._striped(self.source_descriptor, self.paddings.source)

    def _striped(self, descriptor: keras.Model, padding: Modes) -> StripedDescriptor:
        return StripedDescriptor(split_descriptor(descriptor, self.layers), padding, folder=self.plan.folder)

    @functools.cache  # noqa: B019  lives as long as the run
    def loss(self, scale: Scale) -> WeightedSum:
        """Return the loss of a batch of frames of the scale's size.

        Raises:
            UserError: nothing is left of a region, or the sources cannot be told from a black picture.
        """
        sources = [self._source(source, scale) for source in self.inputs.sources]
        return texture_loss(
            self.descriptor,
            self._terms(sources, scale),
            padding=self.paddings.output_pyramid,
            further=self._pictures(scale) | self._frames(sources, scale),
        )

    def compile(self, scale: Scale, shape: tuple[int, ...]) -> Evaluate:
        """Return the compiled loss and gradient of frames (count, height, width, 3) of a scale.

        Up to MAX_PIXELS at once, larger ones in strips.
        """
        self.striped.forget()
        if self.plan.folder is not None or np.prod(shape[:3]) > MAX_PIXELS:
            return_memory_at_once()
        return compile_loss(self.loss(scale), shape, self.striped, MAX_PIXELS)

    def measure(self, scale: Scale, frames: np.ndarray) -> dict[str, float]:
        """Return the terms of the loss of frames (count, height, width, 3) of a scale.

        It is for once: compiling takes longer than the loss itself of frames that are not too large.
        """
        if np.prod(frames.shape[:3]) > MAX_PIXELS:
            return self.compile(scale, frames.shape)(frames).term_values()
        loss = self.loss(scale)
        _, terms = loss(ops.convert_to_tensor(frames), *map(ops.convert_to_tensor, loss.rows))
        return {name: float(ops.convert_to_numpy(value)) for name, value in terms.items()}

    def _source(self, source: np.ndarray, scale: Scale) -> np.ndarray:
        """Return a source at the size that belongs to the scale, large enough for its octaves."""
        small = _resized(source, scale)
        return mirrored(small, mirrored_size(self.plan.geometry, small.shape[:2], scale.octaves))

    def _pictures(self, scale: Scale) -> dict[str, tuple[float, Loss]]:
        sources = [_resized(source, scale) for source in self.inputs.sources]
        geometry, morph = self.plan.geometry, self.plan.morph
        mixtures = None if morph is None else morph.mixtures(geometry, scale)
        return self.plan.pictures.losses(sources, scale, geometry.wraps, mixtures)

    def _terms(self, sources: Sequence[np.ndarray], scale: Scale) -> list[dict[str, FeatureTerm]]:
        """Return the comparisons of each octave's features with the joined sources."""
        places = self._places(scale)
        has_further = [self._fits_at_once(scale, octave) for octave in range(scale.octaves)]
        statistics = [self._statistics(source, has_further, places) for source in sources]
        octaves = zip(*statistics, strict=True)
        return [
            self._gram_terms(found, octave, places) | self._further_terms(found, octave, scale)
            for octave, found in enumerate(octaves)
        ]

    def _gram_terms(self, found: Sequence[OctaveStatistics], octave: int, places: Places) -> dict[str, FeatureTerm]:
        grams = {
            layer: self._comparison([one.grams[layer] for one in found], places, octave, layer) for layer in self.layers
        }
        return {layer: FeatureTerm(layer, comparison) for layer, comparison in grams.items()}

    def _further_terms(self, found: Sequence[OctaveStatistics], octave: int, scale: Scale) -> dict[str, FeatureTerm]:
        """Return those beside Gram matrices."""
        modes, axes = self.paddings.output, self._axes(scale, octave)
        sides = {
            layer: min(layer_positions(layer, mode, axis).count for mode, axis in zip(modes, axes, strict=True))
            for layer in self.layers
        }
        geometry = self.plan.geometry
        is_coarse = octave + scale.halvings + 1 == geometry.octaves == COARSE_OCTAVES
        return self.plan.features.terms([one.further for one in found], sides, geometry.wraps, is_coarse)

    def _fits_at_once(self, scale: Scale, octave: int) -> bool:
        """Return whether an octave of the frames is described at once: terms beside Gram matrices want whole maps."""
        pixels = math.prod(axis.count for axis in self._axes(scale, octave))
        return self.plan.frames.count * pixels <= MAX_PIXELS

    def _axes(self, scale: Scale, octave: int) -> list[Positions]:
        return [
            octave_positions(side, octave, mode)
            for side, mode in zip(scale.canvas, self.paddings.output_pyramid, strict=True)
        ]

    def _statistics(self, source: np.ndarray, has_further: Sequence[bool], places: Places) -> list[OctaveStatistics]:
        """Return the statistics of one source, by octave; of those that `has_further` names all, else Gram matrices."""
        pictures = ops.convert_to_tensor(source[np.newaxis])
        pyramid = gaussian_pyramid(pictures, len(has_further), self.paddings.source_pyramid)
        result = []
        for octave, (level, is_whole) in enumerate(zip(pyramid, has_further, strict=True)):
            if math.prod(level.shape[1:3]) > MAX_PIXELS and not places.in_source:
                grams, further = self._grams_of_strips(level), self._further_of_tiles(level) if is_whole else {}
            else:
                features = self._named(self.source_descriptor(level))
                grams = {layer: _grams(values, places.of_source(octave, layer)) for layer, values in features.items()}
                further = self.plan.features.targets(features) if is_whole else {}
            result.append(OctaveStatistics(grams, further))
        return result

    def _named(self, features: Mapping[str, Any]) -> dict[str, Any]:
        return {layer: features[layer] for layer in self.layers}

    def _further_of_tiles(self, level: Any) -> dict[tuple[str, str], tuple[np.ndarray, ...]]:
        """Return the statistics beside Gram matrices of a large picture: the means of those of its parts.

        They need whole maps, and no output that they are compared with has larger ones.
        """
        if not self.plan.features.any:
            return {}
        found = [self.plan.features.targets(self._named(self.source_descriptor(tile))) for tile in _tiles(level)]
        return {key: mean_statistics([one[key] for one in found]) for key in found[0]}

    def _grams_of_strips(self, level: Any) -> dict[str, list[np.ndarray]]:
        """Return the Gram matrices of a large picture (1, height, width, 3), by layer."""
        # Its target plays no part in the sums.
        comparison = GramComparison(np.ones((1, 1)))
        sums, _, _ = self.source_striped.sums(level, {layer: FeatureTerm(layer, comparison) for layer in self.layers})
        return {layer: [found[0]] for layer, (found,) in sums.items()}

    def _places(self, scale: Scale) -> Places:
        plan = self.plan
        if plan.morph is not None:
            return plan.morph.places(plan.geometry, scale, plan.mul)
        return Regions(plan.geometry, self.inputs, scale, plan.join_mode, plan.mul)

    def _comparison(self, grams: Sequence[Sequence[np.ndarray]], places: Places, octave: int, layer: str) -> Comparison:
        """Return the comparison with the sources; `grams` are those of each source's regions."""
        try:
            return places.comparison(grams, octave, layer)
        except ValueError as error:
            raise UserError(f"the texture gives no target at octave {octave}, layer {layer}: {error}") from error

    def _frames(self, sources: Sequence[np.ndarray], scale: Scale) -> dict[str, tuple[float, Loss]]:
        """Return what keeps several frames apart, with its weight; nothing for a single one."""
        frames = self.plan.frames
        if frames.count == 1:
            return {}
        try:
            apart = frames_apart(
                sources,
                shift=frames.shift * scale.factor,
                distance=frames.distance,
                octaves=min(frames.octaves, scale.octaves),
                order=frames.order,
                wraps=self.plan.geometry.wraps,
                loop=frames.loop,
            )
        except ValueError as error:
            raise UserError(f"`if_shift` {frames.shift} does not change the sources: {error}") from error
        return {"frames": (frames.weight, apart)}


def _resized(source: np.ndarray, scale: Scale) -> np.ndarray:
    return resize(source, *resized(source.shape[:2], scale.factor))


def _tiles(picture: Any) -> list[Any]:
    """Return parts of one size, of at most MAX_PIXELS, that cover a picture (1, height, width, 3)."""
    (rows, height), (columns, width) = map(_starts, picture.shape[1:3])
    return [picture[:, row : row + height, column : column + width] for row in rows for column in columns]


def _starts(side: int) -> tuple[list[int], int]:
    """Return where the parts of an axis start, and their length; they overlap by what would be left over."""
    count = -(-side // math.isqrt(MAX_PIXELS))
    length = -(-side // count)
    return [index * (side - length) // max(1, count - 1) for index in range(count)], length


def _grams(features: Any, guides: Sequence[np.ndarray]) -> list[np.ndarray]:
    if not guides:
        return [ops.convert_to_numpy(gram_matrix(features))[0]]
    return [ops.convert_to_numpy(guided_gram_matrix(features, guide))[0] for guide in guides]
