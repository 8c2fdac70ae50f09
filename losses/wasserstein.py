"""The Wasserstein-2 distance of Gaussians: style as mean and covariance of features."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from describe.moments import Moments

# Added to the diagonal of covariances, which have fewer dimensions than channels in small pictures.
EPSILON = 1e-4
# Of Newton and Schulz. Eigenvalues below about 1e-4 of the matrix' norm are not reached by as many: part of the loss
# as its weights were tuned, so not a matter of taste.
ITERATIONS = 12
# A covariance is the difference of the second moment and the means' products, which in float32 has an error of up to
# about this times |mean|^2. Where features hardly vary (a picture of one colour) that is all there is of it, and it
# has negative eigenvalues, from which the iterations run away.
ROUNDING = 1e-5
# The squares of a root's entries add up to the trace of its matrix, but for what the iterations do not reach.
ROOT_TOLERANCE = 0.1


class WassersteinDistance:
    """The squared Wasserstein-2 distance to a Gaussian, over channels.

    W2^2 = |m - m*|^2 + tr(C + C* - 2 (C*^1/2 C C*^1/2)^1/2), divided by the number of channels; EPSILON is added to the
    diagonals of both covariances. Matrix roots are those of 12 Newton-Schulz iterations. This is the style loss of
    Crowson's style-transfer-pytorch, with its numbers; see `trace_by_root` for what is computed another way.

    Args:
        target: moments of the style, as `feature_moments` gives them.
    """

    def __init__(self, target: Moments) -> None:
        moments = Moments(*(ops.convert_to_tensor(value, dtype="float32") for value in target))
        covariance = _widened(moments)
        root = square_root(covariance)
        if not bool(ops.convert_to_numpy(_is_root(root, covariance))):
            lowest = np.linalg.eigvalsh(ops.convert_to_numpy(covariance))[0]
            covariance = covariance + max(0.0, EPSILON - float(lowest)) * _identity(covariance)
            root = square_root(covariance)
        root = _symmetric(root)
        self._mean = np.asarray(target.mean, np.float32)
        self._trace = float(ops.convert_to_numpy(ops.trace(covariance)))
        self._root, self._square = (ops.convert_to_numpy(value) for value in (root, ops.matmul(root, root)))

    def __call__(self, moments: Moments) -> Any:
        """Return the distance, a scalar."""
        channels = len(self._mean)
        target_root = ops.convert_to_tensor(self._root)
        covariance = _widened(moments)
        product = _symmetric(ops.matmul(ops.matmul(target_root, covariance), target_root))
        root = square_root(ops.stop_gradient(product))
        is_root = _is_root(root, product)
        # The covariance is then widened by its rounding error, in every term.
        added = ops.stop_gradient(ops.where(is_root, 0.0, _rounding(moments)))
        product = product + added * ops.convert_to_tensor(self._square)
        root = ops.cond(is_root, lambda: root, lambda: square_root(ops.stop_gradient(product)))
        traces = ops.trace(covariance) + channels * added + self._trace
        means = ops.mean(ops.square(moments.mean - ops.convert_to_tensor(self._mean)))
        return means + (traces - 2.0 * trace_by_root(product, root)) / channels

    def __str__(self) -> str:
        return f"Wasserstein-2 distance of Gaussians in {len(self._mean)} dimensions"


def square_root(matrix: Any) -> Any:
    """Return the square root of a symmetric positive definite matrix (n, n), by coupled Newton-Schulz iterations.

    Higham 2008, "Functions of Matrices", equation 6.35, on the matrix divided by its Frobenius norm.
    """
    norm = _frobenius_norm(matrix)
    identity = _identity(matrix)
    # The root of 0 is 0.
    root = matrix / ops.where(norm > 0, norm, 1.0)
    # The inverse root begins as the identity, which is not multiplied by; it is kept halved.
    step = 1.5 * identity - 0.5 * root
    root, half_inverse = ops.matmul(root, step), 0.5 * step
    for i in range(1, ITERATIONS):
        step = 1.5 * identity - ops.matmul(half_inverse, root)
        root = ops.matmul(root, step)
        if i + 1 < ITERATIONS:
            half_inverse = ops.matmul(step, half_inverse)
    return root * ops.sqrt(norm)


def trace_by_root(matrix: Any, root: Any) -> Any:
    """Return the trace of `root`, the square root of a symmetric positive definite `matrix`, differentiable by it.

    The gradient of tr(A^1/2) is the solution X of A^1/2 X + X A^1/2 = 1, a Lyapunov equation, found by as many
    iterations as the root, as the original does it. Since all matrices there are polynomials of A they commute, which
    leaves three products of matrices an iteration instead of six. The iterations are not differentiated through: the
    value is a constant, to which the gradient's product with (A - A) is added.
    """
    root = ops.stop_gradient(root)
    gradient = ops.stop_gradient(_half_inverse(root))
    return ops.trace(root) + ops.sum(gradient * (matrix - ops.stop_gradient(matrix)))


def _is_root(root: Any, matrix: Any) -> Any:
    """Tell whether the iterations came to an end, a boolean scalar; False where they gave NaN."""
    trace = ops.trace(matrix)
    return ops.abs(ops.sum(ops.square(root)) - trace) <= ROOT_TOLERANCE * trace


def _rounding(moments: Moments) -> Any:
    """Return how far the covariance's eigenvalues may be off in float32."""
    return ROUNDING * ops.sum(ops.square(moments.mean))


def _half_inverse(root: Any) -> Any:
    """Return X of root X + X root = 1 (half the inverse), by the Newton-Schulz iteration for Lyapunov equations.

    Lin & Maji 2017, "Improved Bilinear Pooling with CNNs", section 3.2. For a root of 0 it is 0, as the pseudo-inverse.
    """
    norm = _frobenius_norm(root)
    identity = _identity(root)
    is_zero, norm = norm == 0, ops.where(norm > 0, norm, 1.0)
    # Over the root of 2, so that its square is halved.
    base = root / (norm * 2.0**0.5)
    step = 1.5 * identity - ops.matmul(base, base)
    solution = step
    for _ in range(1, ITERATIONS):
        base = ops.matmul(base, step)
        step = 1.5 * identity - ops.matmul(base, base)
        solution = ops.matmul(solution, step)
    return ops.where(is_zero, 0.0, solution / (2.0 * norm))


def _widened(moments: Moments) -> Any:
    """Return the covariance with EPSILON on its diagonal; so is its gradient symmetric to the last digit."""
    covariance = _symmetric(moments.covariance())
    return covariance + EPSILON * _identity(covariance)


def _symmetric(matrix: Any) -> Any:
    return 0.5 * (matrix + ops.transpose(matrix))


def _identity(matrix: Any) -> Any:
    return ops.eye(matrix.shape[-1], dtype="float32")


def _frobenius_norm(matrix: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(matrix)))
