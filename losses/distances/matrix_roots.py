"""Roots of symmetric matrices and their traces by Newton-Schulz iterations, without differentiating through them.

All matrices of the iterations are polynomials of the first, so that they can be computed of its eigenvalues alone: the
same numbers, without a product of matrices at every step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from layers import native

# Eigenvalues below about 1e-4 of the matrix' norm are not reached by as many: part of the loss as its weights were
# tuned, so not a matter of taste.
ITERATIONS = 12
# The squares of a root's eigenvalues add up to the trace of its matrix, but for what the iterations do not reach.
ROOT_TOLERANCE = 0.1


class RootTrace(NamedTuple):
    """The trace of a matrix' root.

    Attributes:
        trace: scalar.
        gradient: of the trace by the matrix, (n, n).
        is_root: boolean scalar, whether the iterations came to an end; False where they gave NaN.
    """

    trace: Any
    gradient: Any
    is_root: Any


def square_root(matrix: Any) -> tuple[Any, Any]:
    """Return the square root of a symmetric positive definite matrix (n, n), and whether the iterations reached it.

    Higham 2008, "Functions of Matrices", equation 6.35, on the matrix divided by its Frobenius norm.
    """
    form = _form()(matrix)
    root = _root(form)
    return form.matrix(root), _is_root(form, root)


def trace_of_root(matrix: Any) -> RootTrace:
    """Return the trace of the square root of a symmetric positive definite matrix (n, n), with its gradient.

    The gradient of tr(A^1/2) is the solution X of A^1/2 X + X A^1/2 = 1, a Lyapunov equation, found by as many
    iterations as the root, as Crowson's style-transfer-pytorch does it.
    """
    form = _form()(matrix)
    root = _root(form)
    return RootTrace(form.trace(root), form.matrix(_half_inverse(form, root)), _is_root(form, root))


def identity(matrix: Any) -> Any:
    """Return the identity of the size of `matrix`, (n, n), in float32."""
    return ops.eye(matrix.shape[-1], dtype="float32")


class Products:
    """Polynomials of a symmetric matrix as matrices."""

    def __init__(self, matrix: Any) -> None:
        self.value, self.one = matrix, identity(matrix)
        self.multiply, self.trace = ops.matmul, ops.trace

    def matrix(self, polynomial: Any) -> Any:
        """Return the matrix (n, n)."""
        return polynomial


class Eigenvalues:
    """Polynomials of a symmetric matrix as their eigenvalues, (n,), to its eigenvectors."""

    def __init__(self, matrix: Any) -> None:
        # Decomposing raises an error for what is not finite. The loss is not finite then by its other terms.
        finite = ops.all(ops.isfinite(matrix))
        self.value, self.vectors = ops.eigh(ops.where(finite, matrix, 0.0))
        self.one = ops.ones_like(self.value)
        self.multiply, self.trace = ops.multiply, ops.sum

    def matrix(self, polynomial: Any) -> Any:
        """Return the matrix (n, n)."""
        return ops.matmul(self.vectors * polynomial, ops.transpose(self.vectors))


Form = Products | Eigenvalues


def _form() -> type[Form]:
    """Return the form that is computed most quickly.

    TensorFlow decomposes 512 x 512 numbers on a processor in the time of eight products, and the iterations for root
    and gradient are 72. GPUs take longer for it than for all these.
    """
    return Eigenvalues if native.is_on_processor() else Products


def _root(form: Form) -> Any:
    """Return the root of the form's matrix, by coupled Newton-Schulz iterations."""
    norm = _frobenius_norm(form.value)
    # The root of 0 is 0.
    root = form.value / ops.where(norm > 0, norm, 1.0)
    # The inverse root begins as the identity, which is not multiplied by; it is kept halved.
    step = 1.5 * form.one - 0.5 * root
    root, half_inverse = form.multiply(root, step), 0.5 * step
    for i in range(1, ITERATIONS):
        step = 1.5 * form.one - form.multiply(half_inverse, root)
        root = form.multiply(root, step)
        if i + 1 < ITERATIONS:
            half_inverse = form.multiply(step, half_inverse)
    return root * ops.sqrt(norm)


def _half_inverse(form: Form, root: Any) -> Any:
    """Return X of root X + X root = 1 (half the inverse), by the Newton-Schulz iteration for Lyapunov equations.

    Lin & Maji 2017, "Improved Bilinear Pooling with CNNs", section 3.2, whose matrices commute here, which leaves three
    products an iteration instead of six. For a root of 0 it is 0, as the pseudo-inverse.
    """
    norm = _frobenius_norm(root)
    is_zero, norm = norm == 0, ops.where(norm > 0, norm, 1.0)
    # Over the root of 2, so that its square is halved.
    base = root / (norm * 2.0**0.5)
    step = 1.5 * form.one - form.multiply(base, base)
    solution = step
    for _ in range(1, ITERATIONS):
        base = form.multiply(base, step)
        step = 1.5 * form.one - form.multiply(base, base)
        solution = form.multiply(solution, step)
    return ops.where(is_zero, 0.0, solution / (2.0 * norm))


def _is_root(form: Form, root: Any) -> Any:
    trace = form.trace(form.value)
    return ops.abs(ops.sum(ops.square(root)) - trace) <= ROOT_TOLERANCE * trace


def _frobenius_norm(values: Any) -> Any:
    """Return the norm of a matrix, or of one that has these eigenvalues."""
    return ops.sqrt(ops.sum(ops.square(values)))
