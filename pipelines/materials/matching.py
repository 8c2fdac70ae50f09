"""Approximate nearest neighbourhoods by random search and propagation (PatchMatch).

Barnes, Shechtman, Finkelstein & Goldman 2009, "PatchMatch: A Randomized Correspondence Algorithm for Structural Image
Editing". All pixels search at once: a pass offers each pixel what those around it have found, and places around its
own, at all distances.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Pixels between those that tell each other what they have found.
STEPS = (4, 1)
# A place that continues a neighbour's is taken up to so much more distance: whole pieces of the source are better than
# pixels that are each a little nearer (Hertzmann et al. 2001, "Image Analogies", section 3.2).
COHERENCE = 0.2


class Search:
    """A search for the nearest neighbourhoods of a source.

    Args:
        source: (rows, columns, components), as `described` gives them.
        wanted: (height, width, components) of the pixels that search.
        generator: of the random places.
    """

    def __init__(self, source: np.ndarray, wanted: np.ndarray, generator: np.random.Generator) -> None:
        self.limits = np.array(source.shape[:2])
        self._source = source.reshape(-1, source.shape[2])
        self._wanted = wanted
        self._generator = generator

    def distances(self, places: np.ndarray) -> np.ndarray:
        """Return the squared distances (height, width) of neighbourhoods at places (height, width, 2)."""
        numbers = places[..., 0] * self.limits[1] + places[..., 1]
        difference = self._source[numbers] - self._wanted
        return np.einsum("ijk,ijk->ij", difference, difference)

    def run(self, places: np.ndarray, passes: int) -> tuple[np.ndarray, np.ndarray]:
        """Return better places, int (height, width, 2), and their squared distances (height, width).

        Args:
            places: row and column of each pixel's neighbourhood in the source, to begin with.
            passes: each a few dozen comparisons a pixel.
        """
        distances = self.distances(places)
        for _ in range(passes):
            for step in STEPS:
                for shift in _shifts(step):
                    offered = np.roll(places, shift, axis=(0, 1)) + np.array(shift)
                    places, distances = self._better(places, distances, offered, COHERENCE if step == 1 else 0)
            for reach in self._reaches():
                offered = places + self._generator.integers(-reach, reach + 1, places.shape)
                places, distances = self._better(places, distances, offered, 0)
        return places, distances

    def _better(
        self, places: np.ndarray, distances: np.ndarray, offered: np.ndarray, grace: float
    ) -> tuple[np.ndarray, np.ndarray]:
        offered = np.clip(offered, 0, self.limits - 1)
        others = self.distances(offered)
        is_better = others < distances * (1 + grace)
        return np.where(is_better[..., np.newaxis], offered, places), np.where(is_better, others, distances)

    def _reaches(self) -> Iterator[int]:
        """Yield how far random places may lie: the whole source, then halves of it."""
        reach = int(self.limits.max())
        while reach >= 1:
            yield reach
            reach //= 2


def _shifts(step: int) -> list[tuple[int, int]]:
    return [(step, 0), (-step, 0), (0, step), (0, -step)]
