"""The objective of a style transfer at each scale: descriptor, targets, loss."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np

from describe.descriptor import StripedDescriptor
from describe.moments import Moments, blend
from describe.positions import map_size
from describe.segments import split_descriptor
from errors import ArgumentError
from images.resizing import resize
from losses.content import ContentComparison
from losses.evaluation import compile_loss
from losses.features import FeatureLoss, FeatureTerm
from losses.loss import Loss, WeightedSum
from losses.scaled_gram import ScaledGramDistance
from losses.style import Region, StyleComparison
from losses.total_variation import TotalVariation
from losses.wasserstein import WassersteinDistance
from model.descriptor import build_descriptor, mean_activation
from model.padded_convolution import PaddingMode
from optimize.progress import Evaluate
from pipelines.descriptor_weights import descriptor_weights
from pipelines.transfer.inputs import TransferInputs
from pipelines.transfer.plan import DescriptorPlan, TransferPlan, style_size
from pipelines.transfer.resources import MAX_PIXELS, return_freed_memory

# (vertical, horizontal) of the descriptor.
PADDING: tuple[PaddingMode, PaddingMode] = ("replicate", "replicate")
DISTANCES = {"wasserstein": WassersteinDistance, "gram": ScaledGramDistance}
# Activations are divided by their layer's mean over photos and multiplied by this. The weights of content, style and
# total variation were tuned to PyTorch's VGG-19, whose filters were trained anew and are about as active at every
# depth, while those of the original VGG-19 (Caffe's, Keras') are active by 20 (relu1_1) to 465 (relu4_1).
MEAN_ACTIVATION = 0.5


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
        name, pooling = plan.descriptor.name, plan.descriptor.pooling
        means = (mean_activation(layer, descriptor=name, pooling=pooling, weights=self.weights) for layer in layers)
        self.scales = {layer: MEAN_ACTIVATION / mean for layer, mean in zip(layers, means, strict=True)}
        self.descriptor, self.striped = _build(plan.descriptor, self.weights, layers)

    def compile(self, size: tuple[int, int]) -> Evaluate:
        """Return the loss and gradient of pictures (1, height, width, 3) of a scale's size.

        Up to MAX_PIXELS on a single device everything is one compiled function; else the descriptor's segments follow
        one another.
        """
        self.striped.forget()
        max_pixels = 0 if len(self.devices) > 1 else MAX_PIXELS
        if size[0] * size[1] > max_pixels:
            return_freed_memory()
        return compile_loss(self.loss(size), (1, *size, 3), self.striped, max_pixels)

    def loss(self, size: tuple[int, int]) -> Loss:
        """Return the loss of pictures (1, height, width, 3) of a scale's size, that of Crowson's script.

        Content (mean squared), style (distances of moments) and total variation.
        """
        picture = resize(self.inputs.content, *size)[np.newaxis]
        _, content, _ = self.striped.sums(picture, {}, list(self.content_weights))
        terms = {
            f"content/{layer}": FeatureTerm(
                layer, ContentComparison(content[layer], self.scales[layer]), self.plan.content_weight * weight
            )
            for layer, weight in self.content_weights.items()
        }
        regions = self._regions(size)
        terms |= {
            f"style/{layer}": FeatureTerm(layer, StyleComparison(regions[layer], self.scales[layer]), weight)
            for layer, weight in self.style_weights.items()
        }
        parts: dict[str, tuple[float, Loss]] = {"": (1.0, FeatureLoss(self.descriptor, terms))}
        if self.plan.tv_weight:
            parts["total_variation"] = (self.plan.tv_weight, TotalVariation())
        return WeightedSum(parts)

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
                Region(self._distance(layer, found[layer]), weight, self._share(i, 0, map_size(layer, size, PADDING)))
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
        statistics = {}
        for layer in self.style_weights:
            share = self._share(number, 1, map_size(layer, picture.shape[1:3], PADDING)) if self.inputs.masks else None
            statistics[layer] = FeatureTerm(layer, StyleComparison([Region(_no_distance, share=share)]))
        sums, _, _ = self.striped.sums(picture, statistics)
        return {layer: Moments(*found).numpy() for layer, found in sums.items()}

    def _share(self, number: int, side: int, size: tuple[int, int]) -> np.ndarray:
        """Return what each position of a layer counts for a style: of the content (side 0) or the style (1)."""
        mask = resize(self.inputs.masks[number][side], *size)
        if not mask.sum() > 0:
            raise ArgumentError(f"`masks`, pair {number + 1}: nothing is left of it at {size[1]} x {size[0]} positions")
        return (mask / mask.sum()).astype(np.float32)


def _build(plan: DescriptorPlan, weights: Any, layers: Sequence[str]) -> tuple[keras.Model, StripedDescriptor]:
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
                padding=PADDING,
                seed=plan.seed,
                dtype=plan.precision,
            )
    first, *others = split_descriptor(models[devices[0]], layers)
    if len(devices) > 1:
        others = split_descriptor(models[devices[1]], layers)[1:]
    places = [devices[0], *[devices[-1]] * len(others)]
    return models[devices[0]], StripedDescriptor([first, *others], PADDING, places)


def _no_distance(moments: Moments) -> float:
    """Return 0: the moments themselves are wanted."""
    return 0.0
