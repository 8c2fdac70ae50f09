"""The targets of a style transfer at each scale: activations of the content and moments of the styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from describe.descriptor import StripedDescriptor
from describe.moments import Moments, blend
from describe.positions import map_size
from describe.segments import split_descriptor
from errors import ArgumentError
from images.resizing import resize
from losses.evaluation import compile_loss
from losses.features import FeatureTerm
from losses.loss import Loss
from losses.style import Region, StyleComparison
from model.padded_convolution import PaddingMode
from optimize.progress import Evaluate
from pipelines.descriptors import Descriptor
from pipelines.transfer.geometry import Size, fitting_size
from pipelines.transfer.inputs import TransferInputs
from pipelines.transfer.objective import DISTANCES, transfer_loss
from pipelines.transfer.resources import max_pixels
from runs.machine import return_memory_at_once

# (vertical, horizontal) of the descriptor.
PADDING: tuple[PaddingMode, PaddingMode] = ("replicate", "replicate")
# Activations are divided by their layer's mean over photos and multiplied by this. The weights of content, style and
# total variation were tuned to PyTorch's VGG-19, whose filters were trained anew and are about as active at every
# depth, while those of the original VGG-19 (Caffe's, Keras') are active by 20 (relu1_1) to 465 (relu4_1).
MEAN_ACTIVATION = 0.5


@dataclass(frozen=True)
class ObjectivePlan:
    """What is compared, with which weights.

    Attributes:
        descriptor: what describes the pictures.
        devices: one or two of Keras' device names that compute it; empty: Keras' own choice.
        style_layers: weights of the style's layers, which add up to 1.
        content_layers: weights of the content's layers, which add up to 1.
        style_loss: "wasserstein" or "gram".
        shares: of the styles, which add up to 1.
        content_weight: factor of all content terms.
        tv_weight: factor of the total variation.
        style_scale_fac: longer side of the styles over that of the result.
        longest_style: longer side of the styles at every scale; None: by `style_scale_fac`.
        folder: where maps of the descriptor go that do not fit into memory; None: they fit.
    """

    descriptor: Descriptor
    devices: tuple[str, ...]
    style_layers: Mapping[str, float]
    content_layers: Mapping[str, float]
    style_loss: str
    shares: tuple[float, ...]
    content_weight: float
    tv_weight: float
    style_scale_fac: float
    longest_style: int | None
    folder: str | None = None

    def style_size(self, style: Sequence[int], size: Size) -> Size:
        """Return the (height, width) of a style, given its own, for a scale of (height, width); it is not enlarged."""
        height, width = style[:2]
        longer = self.longest_style or max(1, round(max(size) * self.style_scale_fac))
        return (height, width) if max(height, width) <= longer else fitting_size(height, width, longer)

    def build(self, inputs: TransferInputs) -> Objectives:
        """Return what makes the loss of every scale.

        Raises:
            UserError: the weights cannot be read.
        """
        return Objectives(self, inputs)


class Objectives:
    """Makes the objective of any scale.

    Args:
        plan: what is compared.
        inputs: pictures of the transfer.
    """

    def __init__(self, plan: ObjectivePlan, inputs: TransferInputs) -> None:
        self.plan = plan
        self.inputs = inputs
        self.style_weights = plan.style_layers
        descriptor = plan.descriptor.read()
        self.scales = {layer: MEAN_ACTIVATION / descriptor.mean_activation(layer) for layer in descriptor.layers}
        self.descriptor, self.striped = _build(descriptor, plan.devices, plan.folder)

    def compile(self, size: tuple[int, int]) -> Evaluate:
        """Return the loss and gradient of pictures (1, height, width, 3) of a scale's size.

        Up to MAX_PIXELS on a single device everything is one compiled function; else the descriptor's segments follow
        one another.
        """
        self.striped.forget()
        at_once = max_pixels(self.plan.devices)
        if size[0] * size[1] > at_once:
            return_memory_at_once()
        return compile_loss(self.loss(size), (1, *size, 3), self.striped, at_once)

    def loss(self, size: tuple[int, int]) -> Loss:
        """Return the loss of pictures (1, height, width, 3) of a scale's size."""
        plan = self.plan
        picture = resize(self.inputs.content, *size)[np.newaxis]
        _, content, _ = self.striped.sums(picture, {}, list(plan.content_layers))
        return transfer_loss(
            self.descriptor,
            content=content,
            style=self._regions(size),
            content_layers=plan.content_layers,
            style_layers=plan.style_layers,
            scales=self.scales,
            content_weight=plan.content_weight,
            tv_weight=plan.tv_weight,
        )

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
        picture = resize(style, *self.plan.style_size(style.shape, size))[np.newaxis]
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


def _build(descriptor: Descriptor, devices: Sequence[str], folder: str | None) -> tuple[keras.Model, StripedDescriptor]:
    """Return the descriptor, on the first device, and its segments: block 1 there, the rest on the last device."""
    layers, models = descriptor.layers, {}
    places: Sequence[str | None] = devices or [None]
    for device in places:
        with nullcontext() if device is None else keras.device(device):
            models[device] = descriptor.build(PADDING)
    first, *others = split_descriptor(models[places[0]], layers)
    if len(places) > 1:
        others = split_descriptor(models[places[1]], layers)[1:]
    of_segments = [places[0], *[places[-1]] * len(others)]
    return models[places[0]], StripedDescriptor([first, *others], PADDING, of_segments, folder=folder)


def _no_distance(moments: Moments) -> float:
    """Return 0: the moments themselves are wanted."""
    return 0.0
