"""L-BFGS whose vectors stay on the device, with a strong-Wolfe line search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from optimize.curvatures import Curvatures, MappedCurvatures, dot
from optimize.line_search import Trial, strong_wolfe
from optimize.progress import Callback, Evaluate, Iteration, Result, check_gradient, finite_loss
from optimize.state import OptimizerState
from optimize.value_and_grad import Evaluation

# A line search ends with an interval in which no value changes by more.
MIN_CHANGE = 1e-9


@dataclass(frozen=True, eq=False, kw_only=True)
class LBFGSState(OptimizerState):
    """Where L-BFGS stands: an accepted point with its loss and gradient, and the memory of curvatures.

    Attributes:
        loss: at the point.
        gradient: vector at the point.
        steps: (pairs, size), oldest first, and the same for the next.
        changes: differences of successive gradients, as many as there are steps.
        products: (2, pairs, 2, pairs) inner products of steps and changes, see `optimize.curvatures.Curvatures`.
    """

    loss: float
    gradient: Any
    steps: Any
    changes: Any
    products: np.ndarray

    def check(self) -> None:
        """Raise ValueError where arrays do not fit together."""
        point = np.asarray(self.point)
        pairs = np.shape(self.steps)[:1] if np.ndim(self.steps) else (0,)
        self.require(
            {
                "gradient": ((point.size,), point.dtype.name),
                "steps": ((*pairs, point.size), point.dtype.name),
                "changes": ((*pairs, point.size), point.dtype.name),
                "products": ((2, *pairs, 2, *pairs), "float64"),
            }
        )


class _Point(NamedTuple):
    """A vector on the device, its gradient as a vector, the loss, and the evaluations done until then."""

    vector: Any
    gradient: Any
    loss: float
    evaluations: int
    evaluation: Evaluation


def minimize_lbfgs(
    evaluate: Evaluate,
    start: Any,
    *,
    maxiter: int,
    bounds: tuple[float, float] | None = None,
    ftol: float = 1e-9,
    gtol: float = 1e-9,
    maxcor: int = 10,
    callback: Callback | None = None,
    folder: str | None = None,
) -> Result:
    """Minimise with L-BFGS (Liu & Nocedal 1989), step lengths by the strong Wolfe conditions.

    Without bounds the iterates are those of torch.optim.LBFGS(line_search_fn="strong_wolfe"): the same first
    step, scale of the memory and line search. Only inner products come to the host, where the usual two loops run on
    them, so the vectors of the memory are read a few times an iteration. A loss near 1 at the start is best.

    With bounds it is a projected L-BFGS (Bertsekas 1982; Schmidt, Kim & Sra 2011): values at a bound whose gradient
    points outwards stay, the others move along the direction and are clipped, in the line search already.

    Args:
        evaluate: see `compile_value_and_grad`.
        start: tensor or array, values beyond the bounds are clipped; or the `LBFGSState` of a run to go on with.
        maxiter: it ends after as many iterations since the start.
        bounds: of every value, or None.
        ftol: it ends when an iteration lowers the loss by less than ftol * max(loss, 1).
        gtol: it ends when no component of the gradient (of the values that may move) is above it.
        maxcor: pairs kept as memory of curvatures.
        callback: called after every iteration.
        folder: where the memory of curvatures is, in files mapped into memory; None: it is on the device.

    Raises:
        NotFiniteError: a loss or gradient is NaN or infinite.
    """
    run = _Run(evaluate, start, bounds, Curvatures(maxcor) if folder is None else MappedCurvatures(maxcor, folder))
    message = "reached the limit of iterations"
    while run.iterations < maxiter:
        before = run.point.loss
        message = run.iterate(gtol)
        if message:
            break
        if callback is not None and run.stops(callback):
            message = "stopped by the callback"
            break
        if before - run.point.loss <= ftol * max(abs(before), abs(run.point.loss), 1.0):
            message = "the decrease of the loss is below ftol"
            break
        message = "reached the limit of iterations"
    return run.result(message)


class _Run:
    """A point and the memory of curvatures."""

    def __init__(self, evaluate: Evaluate, start: Any, bounds: tuple[float, float] | None, memory: Curvatures) -> None:
        self.evaluate = evaluate
        self.bounds = bounds
        self.memory = memory
        self.iterations = self.evaluations = 0
        if isinstance(start, LBFGSState):
            self._go_on(start)
        else:
            vector = ops.convert_to_tensor(start)
            self.shape = vector.shape
            self.point = self._evaluate(self._clip(ops.reshape(vector, (-1,))))

    def _go_on(self, state: LBFGSState) -> None:
        dtype = np.asarray(ops.convert_to_numpy(state.point)).dtype.name
        vector, gradient = (ops.convert_to_tensor(values, dtype=dtype) for values in (state.point, state.gradient))
        self.shape = vector.shape
        self.iterations, self.evaluations = state.iterations, state.evaluations
        evaluation = Evaluation(state.loss, {}, ops.reshape(gradient, self.shape))
        self.point = _Point(ops.reshape(vector, (-1,)), gradient, state.loss, state.evaluations, evaluation)
        steps, changes = (
            [ops.convert_to_tensor(row, dtype=dtype) for row in rows] for rows in (state.steps, state.changes)
        )
        self.memory = self.memory.filled(list(zip(steps, changes, strict=True)), np.array(state.products))

    def state(self) -> LBFGSState:
        """Return where the run stands: at the last accepted point."""
        steps, changes = self.memory.stacked(self.point.vector)
        return LBFGSState(
            point=ops.reshape(self.point.vector, self.shape),
            iterations=self.iterations,
            evaluations=self.point.evaluations,
            loss=self.point.loss,
            gradient=self.point.gradient,
            steps=steps,
            changes=changes,
            products=self.memory.products.copy(),
        )

    def iterate(self, gtol: float) -> str:
        """Move to the next point; return "", or why there is none."""
        point = self.point
        gradient = self._movable(point.gradient, point)
        if float(ops.convert_to_numpy(ops.max(ops.abs(gradient)))) <= gtol:
            return "no component of the gradient is above gtol"
        direction = self._movable(self.memory.direction(gradient), point)
        slope = dot(gradient, direction)
        if slope > -MIN_CHANGE:
            return "the slope along the direction is too small"
        length, found = self._search(direction, slope, self._first_step(gradient))
        if found is point:
            return "the line search found no lower loss"
        # Without bounds not the difference of the points, which has lost digits.
        step = length * direction if self.bounds is None else found.vector - point.vector
        memory = self.memory.with_pair(step, found.gradient - point.gradient)
        found, done = found._replace(evaluations=self.evaluations), self.iterations + 1
        # Together, so that an interruption leaves a whole state.
        self.memory, self.point, self.iterations = memory, found, done
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
            return Trial(length, point.loss, dot(point.gradient, along), point)

        largest = float(ops.convert_to_numpy(ops.max(ops.abs(direction))))
        start = Trial(0.0, origin.loss, slope, origin)
        found = strong_wolfe(trial, start, step, MIN_CHANGE / largest)
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
        check_gradient(dot(gradient, gradient), evaluation, self.evaluations)
        return _Point(vector, gradient, loss, self.evaluations, evaluation)

    def stops(self, callback: Callback) -> bool:
        """Call `callback` and return whether it ends the run."""
        point, images = self.point, ops.reshape(self.point.vector, self.shape)
        try:
            callback(Iteration(self.iterations, self.evaluations, point.loss, point.evaluation, images, self.state))
        except StopIteration:
            return True
        return False

    def result(self, message: str) -> Result:
        """Return where the run stands."""
        images = ops.convert_to_numpy(ops.reshape(self.point.vector, self.shape)).astype(np.float32)
        return Result(images, self.point.loss, self.iterations, self.evaluations, message)
