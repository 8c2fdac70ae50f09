"""What is asked of the descriptor's features beside their Gram matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from keras import ops

from describe.moments import feature_moments
from losses.comparisons.correlations import CorrelationComparison, correlations
from losses.comparisons.moments import MIN_SHARE, MomentComparison
from losses.comparisons.shifted_gram import ShiftedGramComparison, shifted_gram_matrices
from losses.comparisons.sliced_wasserstein import SlicedWassersteinComparison, feature_quantiles, random_directions
from losses.features import Comparison, FeatureTerm
from pipelines.resources import map_values

# Positions along each axis up to which features are correlated with themselves.
REACH = 4
# Of their weight at the coarsest of so many octaves, where a picture has few shapes. Beside shifted Gram matrices, and
# with four octaves, it makes textures worse.
COARSE_FACTOR, COARSE_OCTAVES = 8.0, 3
# Positions between features whose Gram matrices are compared, along one axis each.
SHIFTS = tuple((0, shift) if is_across else (shift, 0) for shift in (1, 2, 4, 8) for is_across in (True, False))
# Of the sliced Wasserstein distance.
DIRECTIONS = 32
# Measured on a CPU: bytes that correlations take for each value of the layer's map, beside the descriptor.
CORRELATION_BYTES = 19

Statistics = tuple[np.ndarray, ...]
Wraps = tuple[bool, bool]


@dataclass(frozen=True)
class Kind:
    """A way to describe and to compare a layer's features.

    Attributes:
        least: positions along each axis from which on it says something.
        describe: from a map (1, height, width, channels) to what is averaged over sources.
        compare: from that and whether the pictures repeat (vertically, horizontally) to the comparison with it.
        of_first_layer: whether it is of the first layer alone: deeper ones have too few positions.
    """

    least: int
    describe: Callable[[Any], Statistics]
    compare: Callable[[Statistics, Wraps], Comparison]
    of_first_layer: bool = False


def _moments(features: Any) -> Statistics:
    return tuple(feature_moments(features).numpy())


def _compare_moments(statistics: Statistics, wraps: Wraps) -> Comparison:
    mean, second = statistics
    return MomentComparison(mean, second - np.outer(mean, mean))


def _directions(features: Any) -> np.ndarray:
    return random_directions(features.shape[-1], DIRECTIONS)


def _along_directions(features: Any) -> Statistics:
    directions = _directions(features)
    return feature_quantiles(features, directions), directions


def _along_channels(features: Any) -> Statistics:
    directions = np.eye(features.shape[-1], dtype=np.float32)
    return feature_quantiles(features, directions), directions


def _compare_distributions(statistics: Statistics, wraps: Wraps) -> Comparison:
    return SlicedWassersteinComparison(*statistics)


def _least(features: Any) -> np.ndarray:
    """Return what the size of covariances counts as at least, a number: MIN_SHARE of that with the means."""
    squares = ops.sum(ops.square(ops.cast(features, "float32")), axis=-1)
    return MIN_SHARE * ops.convert_to_numpy(ops.mean(squares))


def _correlations(features: Any) -> Statistics:
    return ops.convert_to_numpy(correlations(ops.cast(features, "float32"), REACH))[0], _least(features)


def _compare_correlations(statistics: Statistics, wraps: Wraps) -> Comparison:
    target, least = statistics
    return CorrelationComparison(target, wraps, float(least))


def _shifted(features: Any) -> Statistics:
    return ops.convert_to_numpy(shifted_gram_matrices(features, SHIFTS))[0], _least(features)


def _compare_shifted(statistics: Statistics, wraps: Wraps) -> Comparison:
    target, least = statistics
    return ShiftedGramComparison(target, SHIFTS, wraps, float(least))


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "moment": Kind(1, _moments, _compare_moments),
        "wasserstein": Kind(1, _along_directions, _compare_distributions),
        "feature_histogram": Kind(1, _along_channels, _compare_distributions),
        "correlation": Kind(2 * REACH, _correlations, _compare_correlations, of_first_layer=True),
        "shifted_gram": Kind(2 * max(map(max, SHIFTS)), _shifted, _compare_shifted),
    }
)


def mean_statistics(found: Sequence[Statistics]) -> Statistics:
    """Return the means of statistics of one layer and kind."""
    return tuple(np.mean(part, axis=0) for part in zip(*found, strict=True))


@dataclass(frozen=True)
class FeatureTermsPlan:
    """Weights of the terms of features, by their kinds; 0: there is none."""

    weights: Mapping[str, float]

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return any(self.weights.values())

    def bytes_needed(self, layers: Sequence[str]) -> int:
        """Return about how many bytes a pixel the terms take, of layers of the descriptor from the picture upwards."""
        return int(CORRELATION_BYTES * map_values(layers[0])) if self.weights["correlation"] else 0

    def targets(self, features: Mapping[str, Any]) -> dict[tuple[str, str], Statistics]:
        """Return the statistics of a source's features {layer: (1, height, width, channels)} by layer and kind."""
        return {
            (layer, name): kind.describe(values)
            for layer, values in features.items()
            for name, kind in KINDS.items()
            if self.weights[name]
            and min(values.shape[1:3]) >= kind.least
            and not (kind.of_first_layer and layer != next(iter(features)))
        }

    def terms(
        self,
        targets: Sequence[Mapping[tuple[str, str], Statistics]],
        sides: Mapping[str, int],
        wraps: Wraps,
        is_coarse: bool,
    ) -> dict[str, FeatureTerm]:
        """Return the terms by name.

        Args:
            targets: of each source.
            sides: positions along the shorter axis of each layer's map of the output.
            wraps: whether the output repeats (vertically, horizontally).
            is_coarse: whether the features are of the coarsest octave of COARSE_OCTAVES.
        """
        common = [key for key in targets[0] if all(key in found for found in targets)]
        terms = {}
        for layer, name in common:
            if sides[layer] >= KINDS[name].least:
                joined = mean_statistics([found[layer, name] for found in targets])
                weight = self._weight(name, is_coarse)
                terms[f"{layer}/{name}"] = FeatureTerm(layer, KINDS[name].compare(joined, wraps), weight)
        return terms

    def _weight(self, name: str, is_coarse: bool) -> float:
        has_factor = name == "correlation" and is_coarse and not self.weights["shifted_gram"]
        return self.weights[name] * (COARSE_FACTOR if has_factor else 1.0)
