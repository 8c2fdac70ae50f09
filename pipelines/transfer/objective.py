"""The loss of a style transfer, as terms: content, style and smoothness, as in Crowson's style-transfer-pytorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from losses.content import ContentComparison
from losses.distances.scaled_gram import ScaledGramDistance
from losses.distances.wasserstein import WassersteinDistance
from losses.features import FeatureLoss, FeatureTerm
from losses.loss import Loss, WeightedSum
from losses.style import Region, StyleComparison
from losses.total_variation import TotalVariation

DISTANCES = {"wasserstein": WassersteinDistance, "gram": ScaledGramDistance}


def transfer_loss(
    descriptor: Callable[[Any], Mapping[str, Any]],
    *,
    content: Mapping[str, np.ndarray],
    style: Mapping[str, Sequence[Region]],
    content_layers: Mapping[str, float],
    style_layers: Mapping[str, float],
    scales: Mapping[str, float],
    content_weight: float,
    tv_weight: float,
) -> WeightedSum:
    """Return the loss of a picture: its terms are `content/relu4_2` ..., `style/relu1_1` ..., `total_variation`.

    Args:
        descriptor: from pictures (1, height, width, 3) to {layer: activations}.
        content: for each of its layers the content's activations (1, height, width, channels).
        style: for each of its layers the picture's regions with a style each, of scaled activations.
        content_layers: weights of the content's layers.
        style_layers: weights of the style's layers.
        scales: for each layer what activations are multiplied by.
        content_weight: of all layers of the content.
        tv_weight: of the total variation; 0 leaves it out.
    """
    terms = {
        f"content/{layer}": FeatureTerm(
            layer, ContentComparison(content[layer], scales[layer]), content_weight * weight
        )
        for layer, weight in content_layers.items()
    }
    terms |= {
        f"style/{layer}": FeatureTerm(layer, StyleComparison(style[layer], scales[layer]), weight)
        for layer, weight in style_layers.items()
    }
    parts: dict[str, tuple[float, Loss]] = {"": (1.0, FeatureLoss(descriptor, terms))}
    if tv_weight:
        parts["total_variation"] = (tv_weight, TotalVariation())
    return WeightedSum(parts)
