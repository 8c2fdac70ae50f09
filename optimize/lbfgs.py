"""L-BFGS whose vectors stay on the device, with a strong-Wolfe line search."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from optimize.line_search import Trial, strong_wolfe
from optimize.progress import Callback, Iteration, Result, check_gradient, finite_loss
from optimize.value_and_grad import Evaluation

# Pairs of step and change of gradient with a smaller inner product are not remembered.
SMALLEST_CURVATURE = 1e-10
# The line search ends with an interval in which no value changes by more.
SMALLEST_CHANGE = 1e-9


class _Point(NamedTuple):
    """A vector on the device, the evaluation there, and its gradient as a vector."""

    vector: Any
    evaluation: Evaluation
    gradient: Any
    loss: float


def minimize_lbfgs(
    evaluate: Callable[[Any], Evaluation],
    start: Any,
    *,
    max_iterations: int,
    bounds: tuple[float, float] | None = None,
    ftol: float = 1e-9,
    gtol: float = 1e-9,
    history: int = 10,
    callback: Callback | None = None,
) -> Result:
    """Minimise with L-BFGS (Liu & Nocedal 1989), step lengths by the strong Wolfe conditions.

    Without bounds the iterates are those of torch.optim.LBFGS(line_search_fn="strong_wolfe"): the same first
    step, scale of the memory and line search. Only inner products come to the host, where the usual two loops run on
    them; so the vectors of the memory are read a few times an iteration instead of many. The loss is not scaled: one
    near 1 at the start is best. As with `minimize_lbfgsb`, a run from a saved point starts without memory.

    With bounds it is a projected L-BFGS (Bertsekas 1982; Schmidt, Kim & Sra 2011): values at a bound whose gradient
    points outwards stay, the others move along the direction and are clipped, in the line search already, so that
    every loss belongs to a picture within the bounds.

    Args:
        evaluate: see `compile_value_and_grad`.
        start: tensor or array of any shape; values beyond the bounds are clipped.
        max_iterations: it ends after as many.
        bounds: of every value, or None.
        ftol: it ends when an iteration lowers the loss by less than ftol * max(loss, 1).
        gtol: it ends when no component of the gradient (of the values that may move) is above it.
        history: pairs kept as memory of curvatures.
        callback: called after every iteration.

    Raises:
        NotFiniteError: a loss or gradient is NaN or infinite.
    """
    run = _Run(evaluate, ops.convert_to_tensor(start), bounds, history)
    iterations, message = 0, "reached the limit of iterations"
    while iterations < max_iterations:
        before = run.point.loss
        message = run.iterate(gtol)
        if message:
            break
        iterations += 1
        if callback is not None and run.stops(callback, iterations):
            message = "stopped by the callback"
            break
        if before - run.point.loss <= ftol * max(abs(before), abs(run.point.loss), 1.0):
            message = "the loss falls by less than ftol"
            break
        message = "reached the limit of iterations"
    return run.result(iterations, message)


class _Run:
    """A point and the memory of curvatures."""

    def __init__(
        self, evaluate: Callable[[Any], Evaluation], start: Any, bounds: tuple[float, float] | None, history: int
    ) -> None:
        self.evaluate = evaluate
        self.shape = start.shape
        self.bounds = bounds
        self.memory = _Memory(history)
        self.evaluations = 0
        self.point = self._evaluate(self._clip(ops.reshape(start, (-1,))))

    def iterate(self, gtol: float) -> str:
        """Move to the next point; return "", or why there is none."""
        point = self.point
        gradient = self._movable(point.gradient, point)
        if float(ops.convert_to_numpy(ops.max(ops.abs(gradient)))) <= gtol:
            return "no component of the gradient is above gtol"
        direction = self._movable(self.memory.direction(gradient), point)
        slope = _dot(gradient, direction)
        if slope > -SMALLEST_CHANGE:
            return "the slope along the direction is too small"
        length, found = self._search(direction, slope, self._first_step(gradient))
        if found is point:
            return "the line search found no lower loss"
        # Without bounds not the difference of the points, which has lost digits.
        step = length * direction if self.bounds is None else found.vector - point.vector
        self.memory.add(step, found.gradient - point.gradient)
        self.point = found
        return ""

    def _first_step(self, gradient: Any) -> float:
        if self.memory.pairs:
            return 1.0
        return min(1.0, 1.0 / float(ops.convert_to_numpy(ops.sum(ops.abs(gradient)))))

    def _search(self, direction: Any, slope: float, step: float) -> tuple[float, _Point]:
        """Return the length of the step along `direction` and the point there."""
        origin = self.point

        def trial(length: float) -> Trial:
            moved = origin.vector + length * direction
            point = self._evaluate(self._clip(moved))
            # Where values are clipped the loss does not change with the step.
            along = direction if self.bounds is None else ops.where(moved == point.vector, direction, 0.0)
            return Trial(length, point.loss, _dot(point.gradient, along), point)

        largest = float(ops.convert_to_numpy(ops.max(ops.abs(direction))))
        start = Trial(0.0, origin.loss, slope, origin)
        found = strong_wolfe(trial, start, step, SMALLEST_CHANGE / largest)
        return found.step, found.state

    def _movable(self, vector: Any, point: _Point) -> Any:
        """Return `vector` with 0 where a value is at a bound and descent would take it beyond."""
        if self.bounds is None:
            return vector
        low, high = self.bounds
        held = ops.logical_or(
            ops.logical_and(point.vector <= low, point.gradient > 0),
            ops.logical_and(point.vector >= high, point.gradient < 0),
        )
        return ops.where(held, 0.0, vector)

    def _clip(self, vector: Any) -> Any:
        return vector if self.bounds is None else ops.clip(vector, *self.bounds)

    def _evaluate(self, vector: Any) -> _Point:
        evaluation = self.evaluate(ops.reshape(vector, self.shape))
        self.evaluations += 1
        loss = finite_loss(evaluation, self.evaluations)
        gradient = ops.reshape(evaluation.gradient, (-1,))
        check_gradient(_dot(gradient, gradient), evaluation, self.evaluations)
        return _Point(vector, evaluation, gradient, loss)

    def stops(self, callback: Callback, iterations: int) -> bool:
        """Call `callback` and return whether it ends the run."""
        images = ops.reshape(self.point.vector, self.shape)
        try:
            callback(Iteration(iterations, self.evaluations, self.point.loss, self.point.evaluation, images))
        except StopIteration:
            return True
        return False

    def result(self, iterations: int, message: str) -> Result:
        """Return where the run stands."""
        images = ops.convert_to_numpy(ops.reshape(self.point.vector, self.shape)).astype(np.float32)
        return Result(images, self.point.loss, iterations, self.evaluations, message)


class _Memory:
    """The last pairs of step s and change of gradient y, and their inner products.

    Attributes:
        pairs: oldest first.
        products: (2, pairs, 2, pairs) inner products of steps (index 0) and changes (1). Those of the newest pair are
            found with the next direction.
    """

    def __init__(self, history: int) -> None:
        self.pairs: deque[tuple[Any, Any]] = deque(maxlen=history)
        self.products = np.zeros((2, 0, 2, 0))

    def add(self, step: Any, change: Any) -> None:
        """Remember a pair and forget the oldest where there are too many; one without curvature is left out."""
        if _dot(step, change) > SMALLEST_CURVATURE:
            forgotten = int(len(self.pairs) == self.pairs.maxlen)
            self.pairs.append((step, change))
            kept = self.products[:, forgotten:, :, forgotten:]
            self.products = np.pad(kept, ((0, 0), (0, 1), (0, 0), (0, 1)))

    def direction(self, gradient: Any) -> Any:
        """Return minus the approximate inverse Hessian times `gradient`."""
        if not self.pairs:
            return -gradient
        steps, changes = zip(*self.pairs, strict=True)
        basis = ops.stack([*steps, *changes, gradient])
        coefficients = direction_coefficients(self._all_products(basis))
        return ops.matmul(ops.convert_to_tensor(coefficients, dtype=basis.dtype), basis)

    def _all_products(self, basis: Any) -> np.ndarray:
        """Return the inner products of steps, changes and gradient: only those that are new are computed."""
        count = len(self.pairs)
        products = np.zeros((2 * count + 1, 2 * count + 1))
        products[:-1, :-1] = self.products.reshape(2 * count, 2 * count)
        for row in (count - 1, 2 * count - 1, 2 * count):
            products[row] = products[:, row] = ops.convert_to_numpy(ops.matmul(basis, basis[row]))
        self.products = products[:-1, :-1].reshape(2, count, 2, count)
        return products


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


def _dot(first: Any, second: Any) -> float:
    return float(ops.convert_to_numpy(ops.sum(first * second)))
