"""The loss of training, as terms: style, content, smoothness and diversity of the generator's pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from keras import ops

from losses.content import ContentComparison, RelativeContentComparison
from losses.diversity import Diversity
from losses.features import FeatureLoss, FeatureTerm
from losses.loss import Loss, Totals, WeightedSum
from losses.octaves import OctaveLosses
from losses.pyramid import PyramidPadding
from losses.texture import AbsoluteGramComparison, GramComparison
from losses.total_variation import SummedTotalVariation, TotalVariation

Descriptor = Callable[[Any], Mapping[str, Any]]
# "relative": each term relative to its own target's size, so that weights mean the same for every style, layer and
# size. "absolute": as Torch7's texture networks scale them.
GRAM_COMPARISONS = {"relative": GramComparison, "absolute": AbsoluteGramComparison}
CONTENT_COMPARISONS = {"relative": RelativeContentComparison, "absolute": ContentComparison}


def training_loss(
    descriptor: Descriptor,
    style_grams: Sequence[Mapping[str, np.ndarray]],
    *,
    style_layers: Mapping[str, float],
    content_layers: Sequence[str] = (),
    style_weight: float = 1.0,
    content_weight: float = 1.0,
    tv_weight: float = 0.0,
    diversity_weight: float = 0.0,
    further: Mapping[str, tuple[float, Loss]] = MappingProxyType({}),
    octave_decay: float = 1.0,
    scaling: str = "relative",
    style_variation: float | Sequence[float] = 1.0,
    padding: PyramidPadding = ("replicate", "replicate"),
) -> Totals:
    """Return the loss of a generator's pictures, with totals `style`, `content`, `total_variation`, `diversity`, ...

    Johnson et al. 2016, "Perceptual Losses for Real-Time Style Transfer", and Ulyanov et al. 2016, "Texture Networks".
    Terms with weight 0 are left out, except for the style.

    Args:
        descriptor: from pictures to {layer: activations} of all layers.
        style_grams: for each octave, the full size first, {layer: Gram matrix} of the style picture, or {layer: Gram
            matrices} of several, which take turns in a batch.
        style_layers: their weights.
        content_layers: whose activations in the photos, as `content_rows` returns them, are the loss's rows.
        style_weight: factor of the style term.
        content_weight: factor of the content term.
        tv_weight: of the total variation, relative to that of the style picture where the scaling is relative.
        diversity_weight: of `losses.diversity`.
        further: losses of the pictures themselves by name, each with its weight.
        octave_decay: the style of octave k counts `octave_decay` ** k times; the content is that of octave 0.
        scaling: "relative" or "absolute".
        style_variation: total variation of the style picture, or those of several.
        padding: what stands around a picture before it is blurred for the next octave.
    """
    weights = {layer: style_weight * weight for layer, weight in style_layers.items()}
    contents = dict.fromkeys(content_layers if content_weight else (), content_weight)
    terms = [_style_terms(grams, weights, scaling, octave_decay**octave) for octave, grams in enumerate(style_grams)]
    terms[0] |= _content_terms(contents, scaling)
    smoothness = TotalVariation(style_variation) if scaling == "relative" else SummedTotalVariation()
    parts: dict[str, tuple[float, Loss]] = {
        "": (1.0, OctaveLosses([FeatureLoss(descriptor, own) for own in terms], padding)),
        "total_variation": (tv_weight, smoothness),
        "diversity": (diversity_weight, Diversity()),
    }
    parts = {name: (weight, part) for name, (weight, part) in (parts | dict(further)).items() if weight}
    names = ["style", *(["content"] if contents else []), *filter(None, parts)]
    return Totals(WeightedSum(parts), names)


def _style_terms(
    grams: Mapping[str, np.ndarray], styles: Mapping[str, float], scaling: str, decay: float
) -> dict[str, FeatureTerm]:
    """Return the terms of the style in one octave; `styles` are the layers' weights, which `decay` multiplies."""
    gram = GRAM_COMPARISONS[scaling]
    return {
        f"style/{layer}": FeatureTerm(layer, gram(grams[layer]), weight * decay) for layer, weight in styles.items()
    }


def _content_terms(contents: Mapping[str, float], scaling: str) -> dict[str, FeatureTerm]:
    """Return the terms of the content; `contents` are the layers' weights."""
    content = CONTENT_COMPARISONS[scaling]
    return {f"content/{layer}": FeatureTerm(layer, content(), weight) for layer, weight in contents.items()}


def content_rows(descriptor: Descriptor, layers: Sequence[str], photos: Any) -> list[Any]:
    """Return the activations in photos (batch, height, width, 3), constants for the gradient."""
    features = descriptor(ops.stop_gradient(photos))
    return [ops.stop_gradient(features[layer]) for layer in layers]
