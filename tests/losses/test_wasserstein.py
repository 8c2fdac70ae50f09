"""Wasserstein-2 and Gram distances of moments, against PyTorch and against SciPy's matrix root."""

import numpy as np
import pytest
import torch
from keras import ops

from describe.moments import Moments, blend, feature_moments
from losses.distances.scaled_gram import ScaledGramDistance
from losses.distances.wasserstein import EPSILON, WassersteinDistance
from optimize.value_and_grad import compile_value_and_grad
from tests.losses import torch_reference, torch_transfer

pytestmark = pytest.mark.backends
DISTANCES = {"wasserstein": WassersteinDistance, "gram": ScaledGramDistance}
REFERENCES = {"wasserstein": torch_transfer.wasserstein, "gram": torch_transfer.scaled_gram}


def features(seed, height, width, channels):
    """Rectified maps that go together in part, as those of a descriptor."""
    random = np.random.default_rng(seed)
    mixed = random.standard_normal((1, height, width, channels)) @ random.standard_normal((channels, channels))
    return np.maximum(mixed / np.sqrt(channels), 0).astype("float32")


def torch_moments(array):
    return torch_transfer.moments(torch.tensor(array, dtype=torch.float64).permute(0, 3, 1, 2))


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("size", [(24, 20, 16), (3, 5, 32)], ids=["many positions", "fewer positions than channels"])
def test_distance_and_gradient_agree_with_pytorch(name, size):
    style, picture = features(1, 17, 23, size[2]), features(2, *size)
    distance = DISTANCES[name](feature_moments(ops.convert_to_tensor(style)).numpy())
    evaluation = compile_value_and_grad(lambda x: (distance(feature_moments(x)), {}))(picture)
    reference = REFERENCES[name](torch_moments(style))
    torch_reference.assert_agrees(evaluation, torch_reference.value_and_gradient(reference, picture), 1e-4)


def test_distance_of_gaussians_whose_covariances_commute():
    first = Moments(np.zeros(3, "float32"), np.diag([1.0, 4.0, 9.0]).astype("float32"))
    second = Moments(np.ones(3, "float32"), np.diag([4.0, 9.0, 1.0]).astype("float32") + 1)
    found = float(ops.convert_to_numpy(WassersteinDistance(second)(Moments(*map(ops.convert_to_tensor, first)))))
    # Standard deviations 1, 2, 3 against 2, 3, 1.
    assert found == pytest.approx((3 + 1 + 1 + 4) / 3, rel=1e-4)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_moments_of_half_precision_are_summed_in_float32(dtype):
    half = ops.cast(features(3, 64, 64, 4), dtype)
    exact = ops.convert_to_numpy(ops.cast(half, "float32")).astype("float64").reshape(-1, 4)
    mean, second = feature_moments(half).numpy()
    np.testing.assert_allclose(mean, exact.mean(0), rtol=1e-5)
    np.testing.assert_allclose(second, exact.T @ exact / len(exact), rtol=1e-5)


def test_shares_of_parts_add_up():
    whole = ops.convert_to_tensor(features(4, 10, 8, 5))
    shares = np.random.default_rng(0).random((10, 8)).astype("float32")
    shares /= shares.sum()
    at_once = feature_moments(whole, shares).numpy()
    parts = [feature_moments(whole[:, rows], shares[rows]).numpy() for rows in (slice(0, 3), slice(3, 10))]
    for value, *others in zip(at_once, *parts, strict=True):
        np.testing.assert_allclose(sum(others), value, rtol=1e-5)
    flat = ops.convert_to_numpy(whole).reshape(-1, 5)
    np.testing.assert_allclose(at_once.mean, shares.ravel() @ flat, rtol=1e-5)


def test_blend_is_the_moments_of_a_mixture():
    one, two = features(5, 4, 4, 3), features(6, 4, 4, 3)
    together = feature_moments(ops.convert_to_tensor(np.concatenate([one, two, two, two], axis=1))).numpy()
    blended = blend([feature_moments(ops.convert_to_tensor(x)).numpy() for x in (one, two)], [0.25, 0.75])
    np.testing.assert_allclose(blended.mean, together.mean, rtol=1e-5)
    np.testing.assert_allclose(blended.second, together.second, rtol=1e-5)


def of_rank(rank, scale, channels=24):
    """Return maps (1, 16, 16, channels) whose covariance has this rank, and a mean of about `scale`."""
    random = np.random.default_rng(rank)
    # As the iterations reach, that is with eigenvalues which are not too far apart.
    directions = np.linalg.qr(random.standard_normal((channels, channels)))[0][:rank]
    varying = random.standard_normal((1, 16, 16, rank)) @ directions
    return (scale * random.random(channels) + varying).astype("float32")


def exact_distance(first, second):
    """Return the distance by SciPy's roots in float64."""
    stats = []
    for maps in (first, second):
        flat = maps.reshape(-1, maps.shape[-1]).astype("float64")
        stats.append((flat.mean(0), np.cov(flat.T, bias=True) + EPSILON * np.eye(flat.shape[1])))
    (mean, covariance), (target_mean, target) = stats
    values, vectors = np.linalg.eigh(target)
    root = vectors * np.sqrt(values) @ vectors.T
    joint = np.sqrt(np.linalg.eigvalsh(root @ covariance @ root).clip(min=0)).sum()
    return np.mean((mean - target_mean) ** 2) + (np.trace(covariance + target) - 2 * joint) / len(mean)


@pytest.mark.parametrize("scale", [1, 30])
@pytest.mark.parametrize("target_rank", [0, 1, 24])
@pytest.mark.parametrize("rank", [0, 1, 24])
def test_gradient_at_any_rank_is_that_of_finite_differences(rank, target_rank, scale):
    picture, target = of_rank(rank, scale), of_rank(target_rank, scale)[:, ::-1] * np.float32(1.25)
    distance = WassersteinDistance(feature_moments(ops.convert_to_tensor(target)).numpy())
    evaluation = compile_value_and_grad(lambda x: (distance(feature_moments(x)), {}))(picture)
    # What the iterations do not reach, and in float32 the means' digits.
    assert float(ops.convert_to_numpy(evaluation.loss)) == pytest.approx(exact_distance(picture, target), rel=0.05)
    gradient = ops.convert_to_numpy(evaluation.gradient).astype("float64")
    random, step = np.random.default_rng(9), 1e-5
    for _ in range(5):
        direction = random.standard_normal(picture.shape)
        ends = [exact_distance(picture + sign * step * direction, target) for sign in (1, -1)]
        expected = (ends[0] - ends[1]) / (2 * step)
        assert np.sum(gradient * direction) == pytest.approx(expected, rel=0.02, abs=0.02 * np.linalg.norm(gradient))


def test_pictures_of_the_same_colour_are_alike():
    plain = np.tile(np.float32(30) * np.random.default_rng(0).random(64, "float32"), (1, 40, 40, 1))
    distance = WassersteinDistance(feature_moments(ops.convert_to_tensor(plain)).numpy())
    evaluation = compile_value_and_grad(lambda x: (distance(feature_moments(x)), {}))(plain)
    assert abs(float(ops.convert_to_numpy(evaluation.loss))) <= 1e-3 * np.mean(plain**2)
    assert np.abs(ops.convert_to_numpy(evaluation.gradient)).max() <= 1e-6
