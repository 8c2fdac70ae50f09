"""A surface of another size, composed of patches that are taken from all maps of a source together.

Texture optimisation (Kwatra, Essa, Bobick & Kwatra 2005, "Texture Optimization for Example-Based Synthesis") from
coarse to fine, guided by a picture (Hertzmann et al. 2001, "Image Analogies"): in turn each pixel looks for the place
in the source whose neighbourhood, in all maps and in the guide, is nearest to its own; and each pixel becomes the mean
of what the neighbourhoods around it have there, near ones above all. Whatever one map takes from a place, all take:
so they stay in register.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipelines.materials.matching import Search
from pipelines.materials.neighbourhoods import RADIUS, SIZE, Wraps, continued, described, halved, principal_axes
from pipelines.materials.surface import Maps

# The coarsest scale has one pixel for 2 ** (MAX_SCALES - 1), and no side below MIN_SIDE.
MAX_SCALES, MIN_SIDE = 4, 16
# Of the guide beside the maps, at the coarsest scale and from one to the next: it says where things are; their details
# are the source's.
GUIDE_WEIGHT, GUIDE_DECAY = 0.5, 0.6
# Passes of the first search, which knows nothing, and of later ones.
FIRST_PASSES, PASSES = 8, 2
# Searches at a scale, at the last one fewer, as they take longest.
ROUNDS, LAST_ROUNDS = 4, 3
# Added to distances, as a share of their median, so that no neighbourhood counts for all.
SOFTNESS = 0.5


@dataclass(frozen=True, eq=False)
class Correspondence:
    """Where each pixel of a surface comes from.

    Attributes:
        places: int (height, width, 2), the upper left corner of each pixel's neighbourhood in the source.
        weights: float32 (height, width), how much each neighbourhood counts.
        wraps: whether the surface repeats (vertically, horizontally).
    """

    places: np.ndarray
    weights: np.ndarray
    wraps: Wraps

    def applied(self, source: np.ndarray) -> np.ndarray:
        """Return the surface of a source's map (height, width, channels): (height, width, channels) of the places."""
        total = np.zeros((*self.weights.shape, source.shape[2]), np.float32)
        weight = np.zeros(self.weights.shape, np.float32)
        for down in range(SIZE):
            for right in range(SIZE):
                values = source[self.places[..., 0] + down, self.places[..., 1] + right]
                shift = (down - RADIUS, right - RADIUS)
                weights = self._shifted(self.weights, shift)
                total += self._shifted(values, shift) * weights[..., np.newaxis]
                weight += weights
        return total / weight[..., np.newaxis]

    def _shifted(self, values: np.ndarray, shift: tuple[int, int]) -> np.ndarray:
        """Return values rolled; what comes in from the other side of an axis that does not wrap is 0."""
        rolled = np.roll(values, shift, axis=(0, 1))
        for axis, (wrap, distance) in enumerate(zip(self.wraps, shift, strict=True)):
            if not wrap and distance:
                came_in = slice(0, distance) if distance > 0 else slice(distance, None)
                rolled[(slice(None),) * axis + (came_in,)] = 0
        return rolled


def corresponding(
    source: np.ndarray,
    source_guide: np.ndarray,
    guide: np.ndarray,
    wraps: Wraps,
    generator: np.random.Generator,
    observe: Callable[[float], object] = lambda share: None,
) -> Correspondence:
    """Return where each pixel of a surface that looks like a guide comes from.

    Args:
        source: float32 (height, width, channels), all maps, as `stacked` gives them; at least MIN_SIDE a side.
        source_guide: float32 (height, width, 3), the source as the guide shows it.
        guide: float32 (rows, columns, 3), what the surface shall look like, at least MIN_SIDE a side.
        wraps: whether the surface repeats (vertically, horizontally).
        generator: of the random search.
        observe: told the share of the work that is done.
    """
    mean = source_guide.mean(axis=(0, 1))
    deviation = max(1e-6, float(np.sqrt(np.square(source_guide - mean).sum(axis=2).mean())))
    source_guide, guide = ((values - mean) / deviation for values in (source_guide, guide))
    scales = _scales(source, source_guide, guide, wraps)
    found = _first(*scales[-1][1:], wraps, generator)
    work, done = sum(_work(number, wanted) for number, (_, _, wanted) in enumerate(scales)), 0
    for number, (maps, known, wanted) in reversed(list(enumerate(scales))):
        if number < len(scales) - 1:
            found = _enlarged(found, np.array(maps.shape[:2]), wanted.shape[:2])
        weight = GUIDE_WEIGHT * GUIDE_DECAY ** (len(scales) - 1 - number)
        found = _refined(found, maps, weight * known, weight * wanted, _rounds(number), generator)
        done += _work(number, wanted)
        observe(done / work)
    return found


def _rounds(number: int) -> int:
    """Return the searches at a scale, the finest of which is 0."""
    return ROUNDS if number else LAST_ROUNDS


def _work(number: int, guide: np.ndarray) -> int:
    return _rounds(number) * guide.shape[0] * guide.shape[1]


def assembled(maps: Maps, found: Correspondence) -> dict[str, np.ndarray]:
    """Return every map (height, width, channels) of a source as the surface has it."""
    return {key: found.applied(values) for key, values in maps.items()}


def _scales(
    source: np.ndarray, source_guide: np.ndarray, guide: np.ndarray, wraps: Wraps
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return maps, their guide and the guide of the surface at every scale, from fine to coarse."""
    scales = [(source, source_guide, guide)]
    while len(scales) < MAX_SCALES and min(*scales[-1][0].shape[:2], *scales[-1][2].shape[:2]) >= 2 * MIN_SIDE:
        maps, known, wanted = scales[-1]
        scales.append((halved(maps), halved(known), halved(wanted, wraps)))
    return scales


def _first(source_guide: np.ndarray, guide: np.ndarray, wraps: Wraps, generator: np.random.Generator) -> Correspondence:
    """Return the places that the guide alone tells."""
    axes = principal_axes(source_guide, generator)
    search = Search(described(source_guide, axes), described(continued(guide, wraps), axes), generator)
    places = generator.integers(0, search.limits, (*guide.shape[:2], 2))
    return Correspondence(*_weighted(*search.run(places, FIRST_PASSES)), wraps)


def _refined(
    found: Correspondence,
    maps: np.ndarray,
    source_guide: np.ndarray,
    guide: np.ndarray,
    rounds: int,
    generator: np.random.Generator,
) -> Correspondence:
    source = np.concatenate([maps, source_guide], axis=2)
    axes = principal_axes(source, generator)
    known = described(source, axes)
    for _ in range(rounds):
        surface = np.concatenate([found.applied(maps), guide], axis=2)
        search = Search(known, described(continued(surface, found.wraps), axes), generator)
        found = Correspondence(*_weighted(*search.run(found.places, PASSES)), found.wraps)
    return found


def _weighted(places: np.ndarray, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places and their weights, one over distance: near neighbourhoods leave no blur of the others."""
    softness = SOFTNESS * float(np.median(distances)) + 1e-6
    return places, (1 / (distances + softness)).astype(np.float32)


def _enlarged(found: Correspondence, source_size: np.ndarray, size: tuple[int, ...]) -> Correspondence:
    """Return a correspondence for twice the size: each pixel becomes four, which come from four."""
    corners = np.moveaxis(np.indices(size), 0, 2)
    rows, columns = corners[..., 0] // 2, corners[..., 1] // 2
    middles = 2 * (found.places[rows, columns] + RADIUS) + corners % 2
    places = np.clip(middles - RADIUS, 0, source_size - SIZE)
    return Correspondence(places, np.ones(size, np.float32), found.wraps)
