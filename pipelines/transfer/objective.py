"""The objective of a style transfer at each scale: descriptor, targets, loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
from keras import ops

from choices import RANDOM_LAYER
from errors import ArgumentError
from images.resizing import resize
from losses.moments import Moments, blend
from losses.scaled_gram import ScaledGramDistance
from losses.transfer import ContentTerm, Region, StyleTerm, TransferLoss
from losses.wasserstein import WassersteinDistance
from model.descriptor import build_descriptor, mean_activation
from model.layer_names import LAYER_NAMES
from model.segments import split_descriptor
from optimize.value_and_grad import Evaluation, compile_value_and_grad
from pipelines.descriptor_weights import descriptor_weights
from pipelines.transfer.inputs import TransferInputs
from pipelines.transfer.plan import DescriptorPlan, TransferPlan, style_size
from pipelines.transfer.resources import LARGEST_PIXELS, return_freed_memory
from pipelines.transfer.segments import SegmentedDescriptor, SegmentedLoss

DISTANCES = {"wasserstein": WassersteinDistance, "gram": ScaledGramDistance}
# Activations are divided by their layer's mean over photos and multiplied by this. The weights of content, style and
# total variation were tuned to PyTorch's VGG-19, whose filters were trained anew and are about as active at every
# depth, while those of the original VGG-19 (Caffe's, Keras') are active by 20 (relu1_1) to 465 (relu4_1).
MEAN_ACTIVATION = 0.5

Evaluate = Callable[[Any], Evaluation]


class Objectives:
    """Makes the objective of any scale.

    Args:
        plan: of the transfer.
        inputs: its pictures.
    """

    def __init__(self, plan: TransferPlan, inputs: TransferInputs) -> None:
        self.plan = plan.objective
        self.devices = plan.descriptor.devices
        self.inputs = inputs
        self.style_weights = plan.objective.style_layers
        self.content_weights = plan.objective.content_layers
        layers = list(dict.fromkeys([*self.style_weights, *self.content_weights]))
        self.weights = descriptor_weights(plan.descriptor.weights)
        means = {"descriptor": plan.descriptor.name, "pooling": plan.descriptor.pooling, "weights": self.weights}
        self.scales = {layer: MEAN_ACTIVATION / mean_activation(layer, **means) for layer in layers}
        self.descriptor, self.segments = _build(plan.descriptor, self.weights, layers)

    def compile(self, size: tuple[int, int]) -> Evaluate:
        """Return the loss and gradient of pictures (1, height, width, 3) of a scale's size.

        Up to LARGEST_PIXELS on a single device everything is one compiled function; else the descriptor's segments
        follow one another.
        """
        self.segments.forget()
        in_strips = len(self.devices) > 1 or size[0] * size[1] > LARGEST_PIXELS
        if in_strips:
            return_freed_memory()
        content = [
            ContentTerm(layer, self.plan.content_weight * weight, self.scales[layer])
            for layer, weight in self.content_weights.items()
        ]
        picture = resize(self.inputs.content, *size)[np.newaxis]
        _, features, _ = self.segments.describe(picture, {}, list(self.content_weights))
        targets = [features[term.layer] for term in content]
        regions = self._regions(size)
        style = [
            StyleTerm(layer, weight, self.scales[layer], regions[layer]) for layer, weight in self.style_weights.items()
        ]
        loss = TransferLoss(self.descriptor, style, content, self.plan.tv_weight)
        if in_strips:
            segmented = SegmentedLoss(self.segments, loss)
            return lambda image: segmented(image, *targets)
        evaluate = compile_value_and_grad(loss)
        constants = [ops.convert_to_tensor(target) for target in targets]
        return lambda image: evaluate(image, *constants)

    def _regions(self, size: tuple[int, int]) -> dict[str, tuple[Region, ...]]:
        """Return the regions of each style layer."""
        layers = self.style_weights
        moments = [self._style_moments(i, size) for i in range(len(self.inputs.styles))]
        if not self.inputs.masks:
            blended = {layer: blend([found[layer] for found in moments], self.plan.shares) for layer in layers}
            return {layer: (Region(self._distance(layer, blended[layer])),) for layer in layers}
        styles = list(enumerate(zip(moments, self.plan.shares, strict=True)))
        return {
            layer: tuple(
                Region(self._distance(layer, found[layer]), weight, self._share(i, 0, map_size(layer, size)))
                for i, (found, weight) in styles
            )
            for layer in layers
        }

    def _distance(self, layer: str, target: Moments) -> Any:
        return DISTANCES[self.plan.style_loss](target.scaled(self.scales[layer]))

    def _style_moments(self, number: int, size: tuple[int, int]) -> dict[str, Moments]:
        """Return the moments of a style, or of the part that its mask shows, by layer."""
        style = self.inputs.styles[number]
        picture = resize(style, *style_size(self.plan, style.shape, size))[np.newaxis]
        shares = {
            layer: [self._share(number, 1, map_size(layer, picture.shape[1:3])) if self.inputs.masks else None]
            for layer in self.style_weights
        }
        moments, _, _ = self.segments.describe(picture, shares)
        return {layer: found.numpy() for layer, (found,) in moments.items()}

    def _share(self, number: int, side: int, size: tuple[int, int]) -> np.ndarray:
        """Return what each position of a layer counts for a style: of the content (side 0) or the style (1)."""
        mask = resize(self.inputs.masks[number][side], *size)
        if not mask.sum() > 0:
            raise ArgumentError(f"`masks`, pair {number + 1}: nothing is left of it at {size[1]} x {size[0]} positions")
        return (mask / mask.sum()).astype(np.float32)


def _build(plan: DescriptorPlan, weights: Any, layers: Sequence[str]) -> tuple[keras.Model, SegmentedDescriptor]:
    """Return the descriptor, on the first device, and its segments: block 1 there, the rest on the last device."""
    devices = plan.devices or (None,)
    models = {}
    for device in devices:
        with nullcontext() if device is None else keras.device(device):
            models[device] = build_descriptor(
                layers,
                descriptor=plan.name,
                weights=weights,
                data_dir=plan.data_dir,
                pooling=plan.pooling,
                padding="replicate",
                seed=plan.seed,
                dtype=plan.precision,
            )
    first, *others = split_descriptor(models[devices[0]], layers)
    if len(devices) > 1:
        others = split_descriptor(models[devices[1]], layers)[1:]
    places = [devices[0], *[devices[-1]] * len(others)]
    return models[devices[0]], SegmentedDescriptor([first, *others], places)


def map_size(layer: str, size: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) of a layer's maps of a picture of (height, width)."""
    if layer == RANDOM_LAYER:
        return size
    poolings = sum(name.startswith("pool") for name in LAYER_NAMES[: LAYER_NAMES.index(layer) + 1])
    return size[0] >> poolings, size[1] >> poolings
