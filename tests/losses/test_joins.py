"""Means of Gram matrices against pyriemann and by their definitions."""

import numpy as np
import pytest
from pyriemann.geometry.geodesic import geodesic_wasserstein
from pyriemann.geometry.mean import mean_logeuclid, mean_riemann
from scipy import linalg

from losses.joins import gram_geodesic, join_gram_matrices, log_euclidean_mean, riemannian_mean

GEOMETRIC = ("log_euclidean", "affine_invariant", "riemann")
MODES = ("average", "max", *GEOMETRIC)


def definite(count, size, spread=3.0, seed=0):
    rng = np.random.default_rng(seed)
    matrices = []
    for _ in range(count):
        vectors = linalg.qr(rng.standard_normal((size, size)))[0]
        matrices.append(vectors * np.exp(rng.uniform(-spread, spread, size)) @ vectors.T)
    return np.array(matrices)


def gram(size, positions, seed):
    features = np.maximum(np.random.default_rng(seed).standard_normal((positions, size)), 0)
    return (features.T @ features / positions).astype("float32")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_means_are_pyriemanns(count):
    matrices = definite(count, 12)
    np.testing.assert_allclose(log_euclidean_mean(matrices), mean_logeuclid(matrices), rtol=1e-8, atol=1e-10)
    expected = mean_riemann(matrices, tol=1e-12, maxiter=200)
    np.testing.assert_allclose(riemannian_mean(matrices), expected, rtol=1e-6, atol=1e-8)


def test_the_riemannian_mean_of_two_is_the_middle_of_the_geodesic():
    first, second = definite(2, 8)
    root = linalg.sqrtm(first)
    inverse = linalg.inv(root)
    middle = root @ linalg.sqrtm(inverse @ second @ inverse) @ root
    np.testing.assert_allclose(riemannian_mean(np.array([first, second])), middle, rtol=1e-7, atol=1e-9)


def test_the_riemannian_mean_has_no_gradient_left():
    matrices = definite(4, 10, spread=6.0)
    inverse = linalg.inv(linalg.sqrtm(riemannian_mean(matrices)))
    tangent = sum(linalg.logm(inverse @ matrix @ inverse) for matrix in matrices)
    assert np.abs(tangent).max() <= 1e-7


def test_the_geodesic_is_pyriemanns():
    first, second = definite(2, 8)
    shares = (0.0, 0.3, 0.5, 1.0)
    wanted = [geodesic_wasserstein(first, second, share) for share in shares]
    np.testing.assert_allclose(gram_geodesic(first, second, shares), wanted, rtol=1e-7, atol=1e-9)


def test_the_geodesic_of_singular_matrices_begins_and_ends_with_them():
    first, second = gram(24, 10, seed=1), gram(24, 10, seed=2)
    found = gram_geodesic(first, second, (0.0, 0.5, 1.0))
    np.testing.assert_allclose(found[[0, 2]], [first, second], atol=1e-7)
    assert linalg.eigvalsh(found[1]).min() >= -1e-12


@pytest.mark.parametrize("mode", MODES)
def test_equal_sources_give_the_source(mode):
    # Fewer positions than channels and a channel that is never active: singular.
    matrix = gram(24, 10, seed=1)
    matrix[:, 5] = matrix[5] = 0
    for count in (1, 2, 3):
        joined = join_gram_matrices([matrix] * count, mode)
        np.testing.assert_allclose(joined, matrix, atol=1e-9 * np.trace(matrix))


@pytest.mark.parametrize("mode", GEOMETRIC)
def test_joined_matrices_lie_between_their_sources(mode):
    first, second = gram(24, 200, seed=1), gram(24, 200, seed=2)
    joined = join_gram_matrices([first, 4 * second], mode)
    np.testing.assert_array_equal(joined, joined.T)
    assert linalg.eigvalsh(joined).min() >= -1e-6
    # The determinant of these means is the geometric mean of the determinants, up to the regularisation.
    logarithms = [np.linalg.slogdet(matrix)[1] for matrix in (first, 4 * second, joined)]
    assert logarithms[2] == pytest.approx(np.mean(logarithms[:2]), abs=0.5)


def test_average_and_max_are_entry_by_entry():
    first, second = gram(6, 50, seed=1), gram(6, 50, seed=2)
    np.testing.assert_allclose(join_gram_matrices([first, second], "average"), (first + second.astype("float64")) / 2)
    np.testing.assert_array_equal(join_gram_matrices([first, second], "max"), np.maximum(first, second))
