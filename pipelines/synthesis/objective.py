"""The loss of each scale of a synthesis: descriptor, targets from the sources, guides, frames."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from describe.descriptor import StripedDescriptor
from describe.gram import gram_matrix
from describe.segments import split_descriptor
from errors import UserError
from images.resizing import resize
from losses.evaluation import compile_loss
from losses.features import FeatureLoss, FeatureTerm
from losses.frames import InterFrameLoss, shift_distances
from losses.joins import join_gram_matrices
from losses.loss import Loss, WeightedSum
from losses.octaves import OctaveLosses
from losses.pyramid import PyramidPadding, gaussian_pyramid
from losses.texture import GramComparison, GuidedGramComparison, guided_gram_matrix
from model.descriptor import build_descriptor
from optimize.progress import Evaluate
from pipelines.descriptor_weights import descriptor_weights
from pipelines.synthesis.geometry import Modes, Scale, mirrored_size, resized
from pipelines.synthesis.guides import Guides
from pipelines.synthesis.inputs import SynthesisInputs, mirrored
from pipelines.synthesis.plan import DescriptorPlan, SynthesisPlan

# A batch of pictures with more pixels is not described at once. In float32 and up to relu3_2 the descriptor takes
# about 1.2 GB for a million pixels.
MAX_PIXELS = 270_000

# Gram matrices of an octave's layers: one for each region, or a single one.
LayerTargets = Mapping[str, Sequence[np.ndarray]]


class Objectives:
    """Makes the loss of any scale; the descriptor is built once.

    Args:
        plan: of the synthesis.
        inputs: its pictures.
        precision: of the descriptor; None is that of the plan.

    Raises:
        UserError: the weights cannot be read.
    """

    def __init__(self, plan: SynthesisPlan, inputs: SynthesisInputs, precision: str | None = None) -> None:
        self.plan = plan
        self.inputs = inputs
        self.layers = plan.geometry.layers
        self.paddings = plan.geometry.paddings
        dtype = precision or plan.descriptor.precision
        self.descriptor = _descriptor(plan.descriptor, self.paddings.output, dtype)
        self.striped = StripedDescriptor(split_descriptor(self.descriptor, self.layers), self.paddings.output)
        self.source_descriptor = self.descriptor
        if self.paddings.source != self.paddings.output:
            self.source_descriptor = _descriptor(plan.descriptor, self.paddings.source, dtype)

    @functools.cache  # noqa: B019  lives as long as the run
    def loss(self, scale: Scale) -> WeightedSum:
        """Return the loss of a batch of frames of the scale's size.

        Raises:
            UserError: nothing is left of a region, or the sources cannot be told from a black picture.
        """
        sources = [self._source(source, scale) for source in self.inputs.sources]
        guides = Guides(self.plan.geometry, self.inputs, scale)
        per_source = [self._octave_targets(source, scale, guides) for source in sources]
        octaves = []
        for octave in range(scale.octaves):
            terms = {
                layer: FeatureTerm(
                    layer, self._comparison([s[octave][layer] for s in per_source], guides, octave, layer)
                )
                for layer in self.layers
            }
            octaves.append(FeatureLoss(self.descriptor, terms))
        parts: dict[str, tuple[float, Loss]] = {"texture": (1.0, OctaveLosses(octaves, self.paddings.output_pyramid))}
        if self.plan.frames.count > 1:
            parts["frames"] = (self.plan.frames.weight, self._frames(sources, scale))
        return WeightedSum(parts)

    def compile(self, scale: Scale, shape: tuple[int, ...]) -> Evaluate:
        """Return the compiled loss and gradient of frames (count, height, width, 3) of a scale.

        Up to MAX_PIXELS at once, larger ones in strips.
        """
        self.striped.forget()
        return compile_loss(self.loss(scale), shape, self.striped, MAX_PIXELS)

    def _source(self, source: np.ndarray, scale: Scale) -> np.ndarray:
        """Return a source at the size that belongs to the scale, large enough for its octaves."""
        small = resize(source, *resized(source.shape[:2], scale.factor))
        return mirrored(small, mirrored_size(self.plan.geometry, small.shape[:2], scale.octaves))

    def _octave_targets(self, source: np.ndarray, scale: Scale, guides: Guides) -> list[LayerTargets]:
        """Return the Gram matrices of one source, by octave, layer and region."""
        pictures = ops.convert_to_tensor(source[np.newaxis])
        levels = gaussian_pyramid(pictures, scale.octaves, self.paddings.source_pyramid)
        result: list[LayerTargets] = []
        for octave, level in enumerate(levels):
            features = self.source_descriptor(level)
            result.append({layer: _grams(features[layer], guides.of_source(octave, layer)) for layer in self.layers})
        return result

    def _comparison(self, grams: Sequence[Sequence[np.ndarray]], guides: Guides, octave: int, layer: str) -> Any:
        """Return the comparison with the joined sources; `grams` are those of each source's regions."""
        regions = zip(*grams, strict=True)
        targets = [self.plan.mul * join_gram_matrices(matrices, self.plan.join_mode) for matrices in regions]
        try:
            if guides.regions:
                return GuidedGramComparison(targets, guides.of_output(octave, layer))
            return GramComparison(targets[0])
        except ValueError as error:
            raise UserError(f"the texture gives no target at octave {octave}, layer {layer}: {error}") from error

    def _frames(self, sources: Sequence[np.ndarray], scale: Scale) -> Loss:
        """Return the loss that keeps frames apart: the target is the mean over the sources."""
        frames = self.plan.frames
        distance, octaves = frames.distance, min(frames.octaves, scale.octaves)
        shift = frames.shift * scale.factor
        edges: PyramidPadding = ("replicate", "replicate")
        distances = [
            shift_distances(source, shift, distance=distance, octaves=octaves, padding=edges) for source in sources
        ]
        targets = np.mean(distances, axis=0).tolist()
        vertical, horizontal = self.plan.geometry.wraps
        padding: PyramidPadding = ("circular" if vertical else "replicate", "circular" if horizontal else "replicate")
        try:
            return InterFrameLoss(targets, distance=distance, octaves=octaves, order=frames.order, padding=padding)
        except ValueError as error:
            raise UserError(f"`if_shift` {frames.shift} changes nothing in the sources: {error}") from error


def _descriptor(plan: DescriptorPlan, padding: Modes, dtype: str) -> keras.Model:
    return build_descriptor(
        plan.layers,
        descriptor=plan.name,
        weights=descriptor_weights(plan.weights),
        data_dir=plan.data_dir,
        pooling=plan.pooling,
        rescale_pooling=False,
        padding=padding,
        seed=plan.seed,
        dtype=dtype,
    )


def _grams(features: Any, guides: Sequence[np.ndarray]) -> list[np.ndarray]:
    if not guides:
        return [ops.convert_to_numpy(gram_matrix(features))[0]]
    return [ops.convert_to_numpy(guided_gram_matrix(features, guide))[0] for guide in guides]
