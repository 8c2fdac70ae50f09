"""The objective of a style transfer at each scale: descriptor, targets, loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from errors import ArgumentError
from images.resizing import resize
from losses.moments import Moments, blend, feature_moments
from losses.scaled_gram import ScaledGramDistance
from losses.transfer import ContentTerm, Region, StyleTerm, TransferLoss
from losses.wasserstein import WassersteinDistance
from model.descriptor import build_descriptor, mean_activation
from model.vgg19 import smallest_input
from optimize.value_and_grad import Evaluation, compile_function, compile_value_and_grad
from pipelines.transfer_inputs import TransferInputs, style_size
from pipelines.transfer_settings import RANDOM_LAYER, TransferSettings

DISTANCES = {"wasserstein": WassersteinDistance, "gram": ScaledGramDistance}
# Activations are divided by their layer's mean over photos and multiplied by this. The weights of content, style and
# total variation were tuned to PyTorch's VGG-19, whose filters were trained anew and are about as active at every
# depth, while those of the original VGG-19 (Caffe's, Keras') are active by 20 (relu1_1) to 465 (relu4_1).
MEAN_ACTIVATION = 0.5

Evaluate = Callable[[Any], Evaluation]


class Objectives:
    """Makes the objective of any scale.

    Args:
        settings: of the transfer.
        inputs: its pictures.
    """

    def __init__(self, settings: TransferSettings, inputs: TransferInputs) -> None:
        self.settings = settings
        self.inputs = inputs
        self.style_weights = settings.layer_weights("style_layers")
        self.content_weights = settings.layer_weights("content_layers")
        layers = list(dict.fromkeys([*self.style_weights, *self.content_weights]))
        self.descriptor = build_descriptor(
            layers,
            descriptor=settings.descriptor,
            weights=settings.weights,
            data_dir=settings.data_dir,
            pooling=settings.pooling,
            padding="replicate",
            seed=settings.random_seed,
            dtype=settings.precision,
        )
        self.scales = {
            layer: MEAN_ACTIVATION / mean_activation(layer, descriptor=settings.descriptor, pooling=settings.pooling)
            for layer in layers
        }

    def compile(self, size: tuple[int, int]) -> Evaluate:
        """Return the loss and gradient of pictures (1, height, width, 3) of a scale's size."""
        content = [
            ContentTerm(layer, self.settings.content_weight * weight, self.scales[layer])
            for layer, weight in self.content_weights.items()
        ]
        features = self._features(resize(self.inputs.content, *size))
        targets = [features[term.layer] for term in content]
        sizes = {layer: features[layer].shape[1:3] for layer in self.style_weights}
        regions = self._regions(size, sizes)
        style = [
            StyleTerm(layer, weight, self.scales[layer], regions[layer]) for layer, weight in self.style_weights.items()
        ]
        loss = TransferLoss(self.descriptor, style, content, self.settings.tv_weight)
        evaluate = compile_value_and_grad(loss)
        return lambda image: evaluate(image, *targets)

    def _features(self, picture: np.ndarray) -> dict[str, Any]:
        names = list(self.scales)
        found = compile_function(lambda images: [self.descriptor(images)[name] for name in names])
        return dict(zip(names, found(picture[np.newaxis]), strict=True))

    def _regions(self, size: tuple[int, int], sizes: dict[str, tuple[int, int]]) -> dict[str, tuple[Region, ...]]:
        """Return the regions of each style layer, whose maps have the given sizes."""
        moments = [self._style_moments(i, size) for i in range(len(self.inputs.styles))]
        if not self.inputs.masks:
            return {
                layer: (Region(self._distance(layer, blend([m[layer] for m in moments], self.settings.shares))),)
                for layer in sizes
            }
        return {
            layer: tuple(
                Region(self._distance(layer, found[layer]), weight, self._share(i, 0, sizes[layer]))
                for i, (found, weight) in enumerate(zip(moments, self.settings.shares, strict=True))
            )
            for layer in sizes
        }

    def _distance(self, layer: str, target: Moments) -> Any:
        return DISTANCES[self.settings.style_loss](target.scaled(self.scales[layer]))

    def _style_moments(self, number: int, size: tuple[int, int]) -> dict[str, Moments]:
        """Return the moments of a style, or of the part that its mask shows, by layer."""
        style = self.inputs.styles[number]
        features = self._features(resize(style, *style_size(self.settings, style, size)))
        moments = {}
        for layer in self.style_weights:
            share = self._share(number, 1, features[layer].shape[1:3]) if self.inputs.masks else None
            moments[layer] = feature_moments(features[layer], share).numpy()
        return moments

    def _share(self, number: int, side: int, size: tuple[int, int]) -> np.ndarray:
        """Return what each position of a layer counts for a style: of the content (side 0) or the style (1)."""
        mask = resize(self.inputs.masks[number][side], *size)
        if not mask.sum() > 0:
            path = self.settings.masks[number][side]
            raise ArgumentError(f"--mask {path}: nothing is left of it at {size[1]} x {size[0]} positions")
        return (mask / mask.sum()).astype(np.float32)


def smallest_side(settings: TransferSettings) -> int:
    """Return the side of the smallest picture of which the deepest layer sees something."""
    if settings.descriptor == RANDOM_LAYER:
        return 1
    return max(smallest_input([*settings.layer_weights("style_layers"), *settings.layer_weights("content_layers")]))
