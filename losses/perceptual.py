"""What a feed-forward generator is trained on: style, content, smoothness and diversity of its pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from losses.content import absolute_content_distance, relative_content_distance
from losses.diversity import diversity_loss
from losses.pyramid import PyramidPadding, gaussian_pyramid
from losses.texture import AbsoluteGramComparison, GramComparison
from losses.total_variation import total_variation

Descriptor = Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class PerceptualWeights:
    """The weights of the terms; a term with weight 0 is not computed.

    `octave_decay`: the losses of octave k (half the size of octave k - 1) count `octave_decay` ** k times.
    """

    style: float = 1.0
    content: float = 1.0
    total_variation: float = 0.0
    diversity: float = 0.0
    octave_decay: float = 1.0


GRAM_COMPARISONS = {"relative": GramComparison, "absolute": AbsoluteGramComparison}
CONTENT_DISTANCES = {"relative": relative_content_distance, "absolute": absolute_content_distance}
LOSS_SCALINGS = tuple(GRAM_COMPARISONS)


class PerceptualLoss:
    """The training objective of a generator, as named terms that add up.

    Johnson et al. 2016, "Perceptual Losses for Real-Time Style Transfer", and Ulyanov et al. 2016, "Texture Networks",
    with one difference: with the scaling "relative" each term is relative to its own target's size (GramComparison,
    relative_content_distance, total variation over the style picture's), so that weights mean the same for every
    style, layer and size. "absolute" is Torch7's texture networks' scaling: AbsoluteGramComparison,
    absolute_content_distance, and the sum over pixels of the squared differences in 0..255.

    Args:
        descriptor: from pictures to {layer: activations} of all style and content layers.
        content_descriptor: the same for the content layers alone; None: no content term (texture mode).
        style_targets: for each octave, the full size first, {layer: Gram matrix} of the style picture.
        layer_weights: style layer -> weight.
        style_variation: the total variation of the style picture.
        weights: of the terms.
        scaling: "relative" or "absolute".
        padding: of the pyramid of octaves.
    """

    def __init__(
        self,
        descriptor: Descriptor,
        content_descriptor: Descriptor | None,
        *,
        style_targets: Sequence[Mapping[str, np.ndarray]],
        layer_weights: Mapping[str, float],
        style_variation: float,
        weights: PerceptualWeights,
        scaling: str = "relative",
        padding: PyramidPadding = ("replicate", "replicate"),
    ) -> None:
        compare = GRAM_COMPARISONS[scaling]
        self.descriptor = descriptor
        self.content_descriptor = content_descriptor if weights.content else None
        self.style = [{layer: compare(gram) for layer, gram in grams.items()} for grams in style_targets]
        self.layer_weights = dict(layer_weights)
        self.content_distance = CONTENT_DISTANCES[scaling]
        self.style_variation = style_variation
        self.weights = weights
        self.scaling = scaling
        self.padding = padding

    @property
    def term_names(self) -> tuple[str, ...]:
        """The names of the terms, in the order of `terms`."""
        present = {
            "style": True,
            "content": self.content_descriptor is not None,
            "total_variation": self.weights.total_variation,
            "diversity": self.weights.diversity,
        }
        return tuple(name for name, wanted in present.items() if wanted)

    def terms(self, pictures: Any, content: Sequence[Mapping[str, Any]] | None = None) -> dict[str, Any]:
        """Return the weighted terms, float32 scalars; their sum is the loss.

        Args:
            pictures: the generator's, (batch, height, width, 3), RGB in [0, 1], of a size that is known here.
            content: what `content_targets` returned for the photos; None where there is no content term.
        """
        levels = gaussian_pyramid(pictures, len(self.style), self.padding)
        octaves = [self.descriptor(level) for level in levels]
        terms = {"style": self.weights.style * self._over_octaves(self._style_of, octaves, self.style)}
        if self.content_descriptor is not None and content is not None:
            terms["content"] = self.weights.content * self._over_octaves(self._content_of, octaves, content)
        if self.weights.total_variation:
            terms["total_variation"] = self.weights.total_variation * self._variation_of(pictures)
        if self.weights.diversity:
            terms["diversity"] = self.weights.diversity * diversity_loss(pictures)
        return terms

    def content_targets(self, photos: Any) -> list[Mapping[str, Any]] | None:
        """Return the content layers' activations of each octave of the photos, constants for the gradient.

        None where there is no content term.
        """
        if self.content_descriptor is None:
            return None
        levels = gaussian_pyramid(ops.stop_gradient(photos), len(self.style), self.padding)
        octaves = [self.content_descriptor(level) for level in levels]
        return [{name: ops.stop_gradient(value) for name, value in features.items()} for features in octaves]

    def _over_octaves(self, loss: Callable[[Any, Any], Any], octaves: Sequence[Any], targets: Sequence[Any]) -> Any:
        losses = (loss(features, target) for features, target in zip(octaves, targets, strict=True))
        return sum(self.weights.octave_decay**i * value for i, value in enumerate(losses))

    def _style_of(self, features: Mapping[str, Any], comparisons: Mapping[str, Callable[[Any], Any]]) -> Any:
        return sum(self.layer_weights[layer] * compare(features[layer]) for layer, compare in comparisons.items())

    def _content_of(self, features: Mapping[str, Any], targets: Mapping[str, Any]) -> Any:
        return sum(self.content_distance(features[layer], target) for layer, target in targets.items())

    def _variation_of(self, pictures: Any) -> Any:
        variation = total_variation(pictures)
        if self.scaling == "relative":
            return variation / self.style_variation
        height, width, channels = pictures.shape[1:]
        return variation * (255.0**2 * height * width * channels)
