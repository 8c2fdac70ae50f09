"""The Wasserstein-2 distance of Gaussians: style as mean and covariance of features."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from losses.moments import Moments

# Added to the diagonal of covariances, which have fewer dimensions than channels in small pictures.
EPSILON = 1e-4
# Of Newton and Schulz. Eigenvalues below about 1e-4 of the matrix' norm are not reached by as many: part of the loss
# as its weights were tuned, so not a matter of taste.
ITERATIONS = 12


class WassersteinDistance:
    """The squared Wasserstein-2 distance to a Gaussian, over channels.

    W2^2 = |m - m*|^2 + tr(C + C* - 2 (C*^1/2 C C*^1/2)^1/2), divided by the number of channels; EPSILON is added to the
    diagonals of both covariances. Matrix roots are those of 12 Newton-Schulz iterations. This is the style loss of
    Crowson's style-transfer-pytorch, with its numbers; see `trace_of_root` for what is computed another way.

    Args:
        target: moments of the style, as `feature_moments` gives them.
    """

    def __init__(self, target: Moments) -> None:
        self._mean = np.asarray(target.mean, np.float32)
        covariance = _widened(Moments(*(ops.convert_to_tensor(value, dtype="float32") for value in target)))
        self._trace = float(ops.convert_to_numpy(ops.trace(covariance)))
        self._root = ops.convert_to_numpy(square_root(covariance))

    def __call__(self, moments: Moments) -> Any:
        """Return the distance, a scalar."""
        root = ops.convert_to_tensor(self._root)
        covariance = _widened(moments)
        means = ops.mean(ops.square(moments.mean - ops.convert_to_tensor(self._mean)))
        joint = trace_of_root(ops.matmul(ops.matmul(root, covariance), root))
        return means + (ops.trace(covariance) + self._trace - 2.0 * joint) / len(self._mean)

    def __str__(self) -> str:
        return f"Wasserstein-2 distance of Gaussians in {len(self._mean)} dimensions"


def square_root(matrix: Any, iterations: int = ITERATIONS) -> Any:
    """Return the square root of a symmetric positive definite matrix (n, n), by coupled Newton-Schulz iterations.

    Higham 2008, "Functions of Matrices", equation 6.35, on the matrix divided by its Frobenius norm.
    """
    norm = _frobenius_norm(matrix)
    identity = _identity(matrix)
    root = matrix / norm
    # The inverse root begins as the identity, which is not multiplied by; it is kept halved.
    step = 1.5 * identity - 0.5 * root
    root, half_inverse = ops.matmul(root, step), 0.5 * step
    for i in range(1, iterations):
        step = 1.5 * identity - ops.matmul(half_inverse, root)
        root = ops.matmul(root, step)
        if i + 1 < iterations:
            half_inverse = ops.matmul(step, half_inverse)
    return root * ops.sqrt(norm)


def trace_of_root(matrix: Any) -> Any:
    """Return the trace of the square root of a symmetric positive definite matrix, differentiable by the matrix.

    The gradient of tr(A^1/2) is the solution X of A^1/2 X + X A^1/2 = 1, a Lyapunov equation, found by as many
    iterations as the root, as the original does it. Since all matrices there are polynomials of A they commute, which
    leaves three products of matrices an iteration instead of six. The iterations are not differentiated through: the
    value is a constant, to which the gradient's product with (A - A) is added.
    """
    constant = ops.stop_gradient(matrix)
    root = square_root(constant)
    gradient = ops.stop_gradient(_half_inverse(root))
    return ops.stop_gradient(ops.trace(root)) + ops.sum(gradient * (matrix - constant))


def _half_inverse(root: Any, iterations: int = ITERATIONS) -> Any:
    """Return X of root X + X root = 1 (half the inverse), by the Newton-Schulz iteration for Lyapunov equations.

    Lin & Maji 2017, "Improved Bilinear Pooling with CNNs", section 3.2.
    """
    norm = _frobenius_norm(root)
    identity = _identity(root)
    # Over the root of 2, so that its square is halved.
    base = root / (norm * 2.0**0.5)
    step = 1.5 * identity - ops.matmul(base, base)
    solution = step
    for _ in range(1, iterations):
        base = ops.matmul(base, step)
        step = 1.5 * identity - ops.matmul(base, base)
        solution = ops.matmul(solution, step)
    return solution / (2.0 * norm)


def _widened(moments: Moments) -> Any:
    covariance = moments.covariance()
    return covariance + EPSILON * _identity(covariance)


def _identity(matrix: Any) -> Any:
    return ops.eye(matrix.shape[-1], dtype="float32")


def _frobenius_norm(matrix: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(matrix)))
