"""Shifted Gram matrices, means and covariances, and distributions of features against NumPy, SciPy and PyTorch."""

import numpy as np
import pytest
import scipy.stats
import torch
from keras import ops

from losses.comparisons.moments import MomentComparison
from losses.comparisons.quantiles import interpolated
from losses.comparisons.shifted_gram import ShiftedGramComparison, shifted_gram_matrices
from losses.comparisons.sliced_wasserstein import (
    QUANTILES,
    SlicedWassersteinComparison,
    feature_quantiles,
    random_directions,
)
from optimize.value_and_grad import compile_value_and_grad
from tests.losses import torch_reference

pytestmark = pytest.mark.backends
SHIFTS = ((0, 2), (1, 0))


def features(shape=(2, 8, 9, 4), seed=0):
    return np.random.default_rng(seed).random(shape).astype("float32")


def agrees(comparison, reference, x, tolerance=1e-4):
    found = compile_value_and_grad(lambda maps: (comparison(maps), {"term": comparison(maps)}))(x)
    torch_reference.assert_agrees(found, torch_reference.value_and_gradient(reference, x), tolerance)


def value(comparison, x):
    return float(ops.convert_to_numpy(comparison(ops.convert_to_tensor(x))))


def shifted_in_torch(x, shift):
    dy, dx = shift
    x = x - x.mean(dim=(2, 3), keepdim=True)
    height, width = x.shape[2:]
    here, there = x[:, :, : height - dy, : width - dx], x[:, :, dy:, dx:]
    return torch.einsum("bihw,bjhw->bij", here, there) / here[0, 0].numel()


def test_shifted_gram_matrices_and_their_loss_agree_with_pytorch():
    x, source = features(), features((1, 8, 7, 4), seed=1)
    target = ops.convert_to_numpy(shifted_gram_matrices(source, SHIFTS))[0]
    for shift, matrix in zip(SHIFTS, target, strict=True):
        expected = shifted_in_torch(torch.tensor(source).permute(0, 3, 1, 2).double(), shift)[0]
        np.testing.assert_allclose(matrix, expected, atol=1e-6)

    def reference(maps):
        wanted = torch.tensor(target, dtype=maps.dtype)
        found = torch.stack([shifted_in_torch(maps, shift) for shift in SHIFTS], dim=1)
        return ((found - wanted).square().sum(dim=(2, 3)) / wanted.square().sum(dim=(1, 2))).mean()

    agrees(ShiftedGramComparison(target, SHIFTS), reference, x)


def test_maps_that_repeat_are_shifted_around_and_may_be_rolled():
    x = features((1, 8, 9, 4))
    target = ops.convert_to_numpy(shifted_gram_matrices(x, SHIFTS, (True, True)))[0]
    flat = x[0].reshape(-1, 4) - x.mean(axis=(0, 1, 2))
    there = np.roll(x[0], (-1, 0), axis=(0, 1)).reshape(-1, 4) - x.mean(axis=(0, 1, 2))
    np.testing.assert_allclose(target[1], flat.T @ there / 72, atol=1e-6)
    comparison = ShiftedGramComparison(target, SHIFTS, (True, True))
    assert value(comparison, np.roll(x, (3, 4), axis=(1, 2))) < 1e-9


def test_stripes_are_told_from_their_mixed_rows_which_gram_matrices_do_not_see():
    stripes = np.zeros((1, 12, 12, 2), np.float32)
    stripes[:, ::2, :, 0] = stripes[:, 1::2, :, 1] = 1
    mixed = stripes[:, np.random.default_rng(0).permutation(12)]
    shifts = ((1, 0),)
    comparison = ShiftedGramComparison(ops.convert_to_numpy(shifted_gram_matrices(stripes, shifts))[0], shifts)
    assert value(comparison, stripes) < 1e-9 < 0.1 < value(comparison, mixed)


def test_moments_and_their_gradient_agree_with_pytorch():
    x, source = features(), features((1, 5, 6, 4), seed=1).reshape(-1, 4)
    mean, covariance = source.mean(axis=0), np.cov(source, rowvar=False, bias=True)

    def reference(maps):
        flat = maps.flatten(2)
        wanted = torch.tensor(mean, dtype=maps.dtype), torch.tensor(covariance, dtype=maps.dtype)
        found = flat.mean(dim=2), torch.stack([torch.cov(one, correction=0) for one in flat])
        return sum(
            (a - b).square().flatten(1).sum(dim=1).mean() / b.square().sum() for a, b in zip(found, wanted, strict=True)
        )

    agrees(MomentComparison(mean, covariance), reference, x)


def test_distributions_are_those_of_scipy():
    x, source = features((1, 64, 64, 3)), 0.5 * features((1, 64, 64, 3), seed=1)
    directions = np.eye(3, dtype=np.float32)
    quantiles = feature_quantiles(source, directions)
    assert quantiles.shape == (QUANTILES, 3)
    found = value(SlicedWassersteinComparison(quantiles, directions), x)
    flat, other = x.reshape(-1, 3), source.reshape(-1, 3)
    # Of equally many values the distance is that of sorted ones; SciPy has the mean absolute difference.
    squares = np.mean(np.square(np.sort(flat, axis=0) - np.sort(other, axis=0)))
    assert found == pytest.approx(squares / other.var(axis=0).mean(), rel=1e-3)
    absolute = np.mean(np.abs(np.sort(flat[:, 0]) - quantiles[:, 0]))
    assert absolute == pytest.approx(scipy.stats.wasserstein_distance(flat[:, 0], other[:, 0]), rel=1e-3)


def test_sliced_distance_and_gradient_agree_with_pytorch():
    x, directions = features(), random_directions(4, 6)
    target = np.sort(np.random.default_rng(2).random((72, 6)), axis=0).astype("float32")

    def reference(maps):
        along = maps.flatten(2).transpose(1, 2) @ torch.tensor(directions, dtype=maps.dtype)
        wanted = torch.tensor(target, dtype=maps.dtype)
        return (along.sort(dim=1).values - wanted).square().mean() / wanted.var(dim=0, correction=0).mean()

    agrees(SlicedWassersteinComparison(target, directions), reference, x)


def test_directions_are_orthogonal_of_unit_length_and_always_the_same():
    directions = random_directions(8, 12)
    np.testing.assert_allclose(directions[:, :8].T @ directions[:, :8], np.eye(8), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=0), 1, rtol=1e-6)
    np.testing.assert_array_equal(directions, random_directions(8, 12))


def test_what_is_compared_is_told():
    assert "0/2, 1/0" in str(ShiftedGramComparison(np.ones((2, 4, 4)), SHIFTS))
    assert "covariance 3 x 3" in str(MomentComparison(np.ones(3), np.eye(3)))
    assert "2 directions of 4 channels" in str(SlicedWassersteinComparison(np.ones((5, 2)), np.ones((4, 2))))


@pytest.mark.parametrize("count", [3, 50, 200])
def test_quantiles_in_another_number_are_numpys(count):
    known = np.sort(np.random.default_rng(0).random((50, 2)), axis=0).astype("float32")
    places = (np.arange(count) + 0.5) / count
    expected = np.quantile(known, places, axis=0, method="hazen")
    np.testing.assert_allclose(
        ops.convert_to_numpy(interpolated(ops.convert_to_tensor(known), count)), expected, atol=1e-6
    )
