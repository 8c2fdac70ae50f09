"""Style as mean and second moment of features, of the whole picture or of regions with a style each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from describe.moments import Moments, feature_moments
from losses.features import Comparison

# From the moments of features to their distance from a style: WassersteinDistance, ScaledGramDistance.
Distance = Callable[[Moments], Any]


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the picture with a style of its own.

    Attributes:
        distance: from the region's moments to its style.
        weight: factor of the region's distance.
        share: what each position of the layer counts, (height, width), the sum 1; None: the whole picture.
    """

    distance: Distance
    weight: float = 1.0
    share: np.ndarray | None = None


class StyleComparison(Comparison):
    """The weighted sum of the regions' distances from their styles, for a single picture.

    Args:
        regions: of the picture; one without a share where the style is the same everywhere.
        scale: by which activations are multiplied before they are compared.
    """

    def __init__(self, regions: Sequence[Region], scale: float = 1.0) -> None:
        self.regions = tuple(regions)
        self.scale = scale
        self.rows = tuple(region.share[np.newaxis] for region in self.regions if region.share is not None)
        self.signature = (2 * len(self.regions), *(int(region.share is None) for region in self.regions))

    def sums(self, features: Any, positions: int, *rows: Any) -> list[Any]:
        """Return the mean and the second moment of each region, not yet scaled, or a part of them."""
        shares = iter(rows)
        moments = (
            feature_moments(features, 1.0 / positions if region.share is None else next(shares))
            for region in self.regions
        )
        return [value for found in moments for value in found]

    def distance(self, sums: Sequence[Any]) -> Any:
        """Return the loss of the regions' moments."""
        moments = (Moments(*sums[i : i + 2]).scaled(self.scale) for i in range(0, len(sums), 2))
        return sum(region.weight * region.distance(found) for region, found in zip(self.regions, moments, strict=True))

    def __str__(self) -> str:
        distances = dict.fromkeys(str(region.distance) for region in self.regions)
        where = "" if len(self.regions) == 1 else f" in {len(self.regions)} regions"
        return f"{', '.join(distances)}{where}, features times {self.scale:.4g}"
