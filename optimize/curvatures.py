"""The curvature pairs of L-BFGS, on the device or in files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from images.large.mapped import zeros

# Pairs of step and change of gradient with a smaller inner product are not remembered.
MIN_CURVATURE = 1e-10


class Curvatures:
    """The last pairs of step s and change of gradient y, and their inner products.

    Attributes:
        maxcor: number of pairs for which there is room.
        pairs: oldest first.
        products: (2, pairs, 2, pairs) inner products of steps (index 0) and changes (1). Those of the newest pair are
            found with the next direction.
    """

    def __init__(self, maxcor: int, pairs: Sequence[tuple[Any, Any]] = (), products: np.ndarray | None = None) -> None:
        self.maxcor = maxcor
        self.pairs = list(pairs)
        self.products = np.zeros((2, 0, 2, 0)) if products is None else products

    def with_pair(self, step: Any, change: Any) -> Curvatures:
        """Return a memory with one more pair, without the oldest where there are too many.

        A pair without curvature is left out.
        """
        if dot(step, change) <= MIN_CURVATURE:
            return self
        forgotten = int(len(self.pairs) == self.maxcor)
        kept = self.products[:, forgotten:, :, forgotten:]
        products = np.pad(kept, ((0, 0), (0, 1), (0, 0), (0, 1)))
        return self.filled([*self.pairs[forgotten:], (step, change)], products)

    def filled(self, pairs: Sequence[tuple[Any, Any]], products: np.ndarray) -> Curvatures:
        """Return a memory of this kind with other pairs."""
        return Curvatures(self.maxcor, pairs, products)

    def stacked(self, vector: Any) -> tuple[Any, Any]:
        """Return all steps and all changes, each (pairs, size); `vector` is one of their kind."""
        if not self.pairs:
            none = np.zeros((0, vector.shape[0]), ops.convert_to_numpy(vector).dtype)
            return none, none
        steps, changes = zip(*self.pairs, strict=True)
        return ops.stack(steps), ops.stack(changes)

    def direction(self, gradient: Any) -> Any:
        """Return minus the approximate inverse Hessian times `gradient`."""
        if not self.pairs:
            return -gradient
        steps, changes = zip(*self.pairs, strict=True)
        basis = self._basis([*steps, *changes, gradient])
        return self._combined(direction_coefficients(self._all_products(basis)), basis)

    def _basis(self, vectors: Sequence[Any]) -> Any:
        return ops.stack(vectors)

    def _combined(self, coefficients: np.ndarray, basis: Any) -> Any:
        return ops.matmul(ops.convert_to_tensor(coefficients, dtype=basis.dtype), basis)

    def _dots(self, basis: Any, row: int) -> np.ndarray:
        return ops.convert_to_numpy(ops.matmul(basis, basis[row]))

    def _all_products(self, basis: Any) -> np.ndarray:
        """Return the inner products of steps, changes and gradient: only those that are new are computed."""
        count = len(self.pairs)
        products = np.zeros((2 * count + 1, 2 * count + 1))
        products[:-1, :-1] = self.products.reshape(2 * count, 2 * count)
        for row in (count - 1, 2 * count - 1, 2 * count):
            products[row] = products[:, row] = self._dots(basis, row)
        self.products = products[:-1, :-1].reshape(2, count, 2, count)
        return products


class MappedCurvatures(Curvatures):
    """The same on the host, with its vectors in files that are mapped into memory, one after the other at work."""

    def __init__(
        self, maxcor: int, folder: str, pairs: Sequence[tuple[Any, Any]] = (), products: np.ndarray | None = None
    ) -> None:
        self.folder = folder
        super().__init__(maxcor, [(self._kept(step), self._kept(change)) for step, change in pairs], products)

    def _kept(self, vector: Any) -> np.ndarray:
        if isinstance(vector, np.memmap):
            return vector
        values = ops.convert_to_numpy(vector)
        file = zeros(values.shape, values.dtype, self.folder)
        file[:] = values
        return file

    def filled(self, pairs: Sequence[tuple[Any, Any]], products: np.ndarray) -> Curvatures:
        """Return a memory of this kind with other pairs."""
        return MappedCurvatures(self.maxcor, self.folder, pairs, products)

    def stacked(self, vector: Any) -> tuple[Any, Any]:
        """Return all steps and all changes, each (pairs, size), in files; `vector` is one of their kind."""
        if not self.pairs:
            return super().stacked(vector)
        shape, dtype = (len(self.pairs), vector.shape[0]), self.pairs[0][0].dtype
        steps, changes = (zeros(shape, dtype, self.folder) for _ in range(2))
        for number, (step, change) in enumerate(self.pairs):
            steps[number], changes[number] = step, change
        return steps, changes

    def _basis(self, vectors: Sequence[Any]) -> Any:
        return [ops.convert_to_numpy(vector) for vector in vectors]

    def _combined(self, coefficients: np.ndarray, basis: Any) -> Any:
        total = np.zeros_like(basis[-1])
        for coefficient, vector in zip(coefficients, basis, strict=True):
            total += np.float32(coefficient) * vector
        return ops.convert_to_tensor(total)

    def _dots(self, basis: Any, row: int) -> np.ndarray:
        return np.array([vector @ basis[row] for vector in basis])


def dot(first: Any, second: Any) -> float:
    """Return the inner product of two vectors."""
    return float(ops.convert_to_numpy(ops.sum(first * second)))


def direction_coefficients(products: np.ndarray) -> np.ndarray:
    """Return how the L-BFGS direction is composed of steps, changes of gradient and gradient.

    The two loops of Nocedal 1980 on coefficients instead of vectors (Chen, Wang & Zhou 2014, "Large-scale L-BFGS
    using MapReduce"): every vector that they compute is a sum of the m steps, the m changes and the gradient.

    Args:
        products: (2m + 1, 2m + 1) inner products of steps and changes, oldest first, and the gradient.

    Returns:
        (2m + 1,) coefficients of minus the inverse Hessian times the gradient.
    """
    pairs = len(products) // 2
    curvatures = [products[i, pairs + i] for i in range(pairs)]
    coefficients = np.zeros(2 * pairs + 1)
    coefficients[-1] = -1.0
    weights = np.zeros(pairs)
    for i in reversed(range(pairs)):
        weights[i] = products[i] @ coefficients / curvatures[i]
        coefficients[pairs + i] -= weights[i]
    coefficients *= curvatures[-1] / products[2 * pairs - 1, 2 * pairs - 1]
    for i in range(pairs):
        coefficients[i] += weights[i] - products[pairs + i] @ coefficients / curvatures[i]
    return coefficients
