"""Quality of a synthesised surface: seam, repetition, distance from the source, alignment of its maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pipelines.materials.neighbourhoods import SIZE, Wraps, halved, sampled
from pipelines.materials.surface import Maps, least_deviation, stacked
from pipelines.materials.tiles import repetition, seam

# Of the distance: scales, each half the one before, random directions, and numbers that a distribution is kept as.
SCALES, DIRECTIONS, QUANTILES = 3, 64, 1024
# Deviation of the strength of gradients, relative to its mean, up to which it is rounding: that of a ramp, for one.
ROUNDING = 1e-3


@dataclass(frozen=True)
class Scores:
    """What a surface is measured by.

    Attributes:
        seam: of each map, how much neighbouring lines differ across the edges over how much they do inside; None where
            the surface does not repeat. 1 is best.
        repetition: highest peak of the autocorrelation of the first map, beyond some pixels.
        source_repetition: the same of the source.
        distance: of the neighbourhoods of all maps together from the source's; 0 is best.
        gradients: correlation of the strength of the gradients of each two maps.
        source_gradients: the same of the source.
    """

    seam: dict[str, float] | None
    repetition: float
    source_repetition: float
    distance: float
    gradients: dict[str, float]
    source_gradients: dict[str, float]

    @property
    def register(self) -> float:
        """By how much a correlation of gradients differs from the source's, at most."""
        return largest_difference(self.gradients, self.source_gradients)


def scores(maps: Maps, source: Maps, wraps: Wraps) -> Scores:
    """Return the scores of a surface beside its source, which has the same maps.

    Args:
        maps: float32 (height, width, channels) by key; the first is the one that is looked at.
        source: likewise.
        wraps: whether the surface repeats (vertically, horizontally).
    """
    axes = [axis for axis, wrap in enumerate(wraps) if wrap]
    first = next(iter(maps))
    return Scores(
        seam={key: seam(values, axes) for key, values in maps.items()} if axes else None,
        repetition=repetition(maps[first], wraps=all(wraps)),
        source_repetition=repetition(source[first], wraps=False),
        distance=distance(stacked(maps, source), stacked(source)),
        gradients=gradient_correlations(maps),
        source_gradients=gradient_correlations(source),
    )


def distance(values: np.ndarray, source: np.ndarray) -> float:
    """Return the squared sliced Wasserstein-2 distance of neighbourhoods, relative to the variance of the source's.

    Rabin, Peyre, Delon & Bernot 2011, "Wasserstein Barycenter and Its Application to Texture Mixing"; the mean over
    random directions and over SCALES.

    Args:
        values: (height, width, channels), at least SIZE a side.
        source: likewise.
    """
    generator = np.random.default_rng(0)
    found: list[float] = []
    while len(found) < SCALES and min(*values.shape[:2], *source.shape[:2]) >= SIZE:
        directions = generator.standard_normal((SIZE * SIZE * values.shape[2], DIRECTIONS)).astype(np.float32)
        places = (np.arange(QUANTILES) + 0.5) / QUANTILES
        one, other = (np.quantile(sampled(part, generator) @ directions, places, axis=0) for part in (values, source))
        found.append(float(np.mean(np.square(one - other)) / max(1e-12, float(other.var(axis=0).mean()))))
        values, source = halved(values), halved(source)
    return float(np.mean(found))


def gradient_correlations(maps: Maps) -> dict[str, float]:
    """Return the correlation of the strengths of the gradients of each two maps, "one/other"; without constant ones.

    Neither maps of one value nor those whose gradient is the same everywhere have any.
    """
    found = {key: _strength(values) for key, values in maps.items() if values.std() > least_deviation(key, values)}
    strengths = {key: strength for key, strength in found.items() if strength.std() > ROUNDING * strength.mean()}
    return {
        f"{one}/{other}": float(np.corrcoef(strengths[one].ravel(), strengths[other].ravel())[0, 1])
        for one, other in combinations(strengths, 2)
    }


def largest_difference(correlations: Mapping[str, float], wanted: Mapping[str, float]) -> float:
    """Return by how much a correlation differs from the one that is wanted, at most; one that is not there is 0."""
    return max((abs(correlations.get(pair, 0.0) - value) for pair, value in wanted.items()), default=0.0)


def _strength(values: np.ndarray) -> np.ndarray:
    """Return the length of the gradient of all channels together, (height - 1, width - 1)."""
    down, right = np.diff(values, axis=0)[:, :-1], np.diff(values, axis=1)[:-1]
    return np.sqrt((np.square(down) + np.square(right)).sum(axis=2))
