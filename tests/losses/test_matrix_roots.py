"""Roots of matrices, by products and by eigenvalues, against SciPy's and the formula of the iterations in NumPy."""

import numpy as np
import pytest
import scipy.linalg
from keras import ops

from losses.distances import matrix_roots
from losses.distances.matrix_roots import Eigenvalues, Products, square_root, trace_of_root

pytestmark = pytest.mark.backends


@pytest.fixture(params=[Products, Eigenvalues])
def form(request, monkeypatch):
    monkeypatch.setattr(matrix_roots, "_form", lambda: request.param)


def covariance(channels=12, positions=40):
    factor = np.random.default_rng(0).standard_normal((channels, positions)).astype("float32")
    return factor @ factor.T


def numbers(results):
    return [ops.convert_to_numpy(value) for value in results]


@pytest.mark.usefixtures("form")
def test_root_agrees_with_scipy_where_the_iterations_suffice():
    matrix = covariance()
    root, is_root = numbers(square_root(ops.convert_to_tensor(matrix)))
    expected = scipy.linalg.sqrtm(matrix.astype("float64"))
    assert np.abs(root - expected).max() <= 1e-5 * np.abs(expected).max()
    assert is_root


@pytest.mark.usefixtures("form")
def test_gradient_of_the_trace_is_half_the_inverse_root():
    matrix = covariance()
    trace, gradient, is_root = numbers(trace_of_root(ops.convert_to_tensor(matrix)))
    root = scipy.linalg.sqrtm(matrix.astype("float64"))
    assert trace == pytest.approx(np.trace(root), rel=1e-5)
    expected = np.linalg.inv(root) / 2
    assert np.abs(gradient - expected).max() <= 1e-4 * np.abs(expected).max()
    assert is_root


@pytest.mark.usefixtures("form")
def test_small_eigenvalues_are_those_of_twelve_iterations():
    """Of which the iterations do not reach the root: the loss is meant with these."""
    random = np.random.default_rng(1)
    values = np.array([1, 0.3, 1e-3, 1e-5, 1e-6])
    vectors = np.linalg.qr(random.standard_normal((5, 5)))[0]
    matrix = (vectors * values @ vectors.T).astype("float32")
    scaled, inverse = values / np.linalg.norm(values), np.ones(5)
    for _ in range(12):
        step = (3 - inverse * scaled) / 2
        scaled, inverse = scaled * step, step * inverse
    root = scaled * np.sqrt(np.linalg.norm(values))
    base, solution = root / np.linalg.norm(root), np.ones(5) / np.linalg.norm(root)
    for _ in range(12):  # as Crowson's program, whose two outer products are the same for values that commute
        solution, base = (
            (solution * (3 - base**2) - base * (base * solution - solution * base)) / 2,
            base * (3 - base**2) / 2,
        )
    trace, gradient, _ = numbers(trace_of_root(ops.convert_to_tensor(matrix)))
    assert trace == pytest.approx(root.sum(), rel=1e-5)
    np.testing.assert_allclose(gradient, vectors * (solution / 2) @ vectors.T, atol=1e-3 * solution.max())
    assert root[-1] < 0.9 * np.sqrt(values[-1])


@pytest.mark.usefixtures("form")
def test_the_root_of_nothing_is_nothing():
    trace, gradient, _ = numbers(trace_of_root(ops.zeros((4, 4))))
    assert trace == 0
    assert np.isfinite(gradient).all()


@pytest.mark.usefixtures("form")
def test_what_is_not_positive_is_no_root():
    assert not numbers(trace_of_root(ops.convert_to_tensor(-covariance())))[2]
