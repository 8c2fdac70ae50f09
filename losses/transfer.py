"""The objective of style transfer: content, style and smoothness of one picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from losses.content import absolute_content_distance
from losses.moments import Moments, feature_moments
from losses.total_variation import total_variation

Distance = Callable[[Moments], Any]


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the picture with a style of its own.

    Attributes:
        distance: from the region's moments to its style.
        weight: of the region.
        share: what each position of the layer counts, (height, width), the sum 1; None: the whole picture.
    """

    distance: Distance
    weight: float = 1.0
    share: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class StyleTerm:
    """The style of one layer.

    Attributes:
        layer: of the descriptor.
        weight: of the term.
        scale: by which activations are multiplied before they are compared.
        regions: of the picture; one without a share where the style is the same everywhere.
    """

    layer: str
    weight: float
    scale: float
    regions: tuple[Region, ...]

    def moments(self, features: Any) -> list[Moments]:
        """Return each region's moments of activations (1, height, width, channels), not yet scaled."""
        return [feature_moments(features, region.share) for region in self.regions]

    def value(self, moments: Sequence[Moments]) -> Any:
        """Return the weighted term of the regions' moments."""
        pairs = zip(self.regions, moments, strict=True)
        distances = (region.weight * region.distance(found.scaled(self.scale)) for region, found in pairs)
        return self.weight * sum(distances)


@dataclass(frozen=True)
class ContentTerm:
    """The content at one layer: the mean squared difference of scaled activations; fields as in `StyleTerm`."""

    layer: str
    weight: float
    scale: float

    def value(self, features: Any, target: Any) -> Any:
        """Return the weighted term of activations and their target, which are not yet scaled."""
        return self.weight * self.scale**2 * absolute_content_distance(features, target)


class TransferLoss:
    """The loss of Crowson's style-transfer-pytorch: content (mean squared), style (distances of moments), smoothness.

    Args:
        descriptor: from pictures to {layer: activations}.
        style: terms.
        content: terms.
        tv_weight: of the total variation; 0 leaves it out.
    """

    def __init__(
        self,
        descriptor: Callable[[Any], Mapping[str, Any]],
        style: Sequence[StyleTerm],
        content: Sequence[ContentTerm],
        tv_weight: float,
    ) -> None:
        self.descriptor = descriptor
        self.style = tuple(style)
        self.content = tuple(content)
        self.tv_weight = tv_weight

    def __call__(self, image: Any, *targets: Any) -> tuple[Any, dict[str, Any]]:
        """Return (the sum of the terms, the terms by name).

        Args:
            image: (1, height, width, 3), RGB in [0, 1].
            targets: the content's activations at the layers of `content`.
        """
        features = self.descriptor(image)
        terms = {content_name(term): term.value(features[term.layer], target) for term, target in self.pairs(targets)}
        terms |= {style_name(term): term.value(term.moments(features[term.layer])) for term in self.style}
        terms |= self.smoothness(image)
        return sum(terms.values()), terms

    def pairs(self, targets: Sequence[Any]) -> list[tuple[ContentTerm, Any]]:
        """Return the content terms with their targets."""
        return list(zip(self.content, targets, strict=True))

    def smoothness(self, image: Any) -> dict[str, Any]:
        """Return the weighted total variation, by name."""
        return {"total_variation": self.tv_weight * total_variation(image)} if self.tv_weight else {}


def content_name(term: ContentTerm) -> str:
    """Return the name of a content term."""
    return f"content/{term.layer}"


def style_name(term: StyleTerm) -> str:
    """Return the name of a style term."""
    return f"style/{term.layer}"
