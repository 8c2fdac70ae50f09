"""Adam whose state can be saved, resumed and enlarged with the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from optimize.enlarging import enlarge_bicubic, enlarge_bilinear
from optimize.progress import Callback, Evaluate, Iteration, Result, check_gradient, finite_loss
from optimize.state import OptimizerState
from optimize.value_and_grad import compile_function

DECAYS = (0.9, 0.99)
EPSILON = 1e-8


@dataclass(frozen=True, eq=False, kw_only=True)
class AdamState(OptimizerState):
    """Where Adam stands.

    Attributes:
        first: running mean of the gradient, of the point's shape.
        second: running mean of the squared gradient, of the point's shape.
        steps: that are in both means; more than `iterations` after `enlarged`.
    """

    first: Any
    second: Any
    steps: int = 0

    @classmethod
    def zeros(cls, point: Any) -> AdamState:
        """Return the state before the first step from a point, an array or tensor."""
        point = ops.convert_to_tensor(point, dtype="float32")
        return cls(point=point, first=ops.zeros_like(point), second=ops.zeros_like(point))

    def enlarged(self, picture: np.ndarray) -> AdamState:
        """Return the state with which Adam goes on warm from a picture (batch, height, width, 3) of another size.

        As Crowson's style-transfer-pytorch does it: the first moment by bicubic interpolation, the second, which may
        not become negative, by bilinear; neither is rescaled, and the steps are counted on. Iterations and evaluations
        are counted anew.
        """
        size = picture.shape[1:3]
        first = enlarge_bicubic(ops.convert_to_numpy(self.first), *size)
        second = enlarge_bilinear(ops.convert_to_numpy(self.second), *size).clip(min=0)
        moments = (ops.convert_to_tensor(values) for values in (picture, first, second))
        return AdamState(**dict(zip(("point", "first", "second"), moments, strict=True)), steps=self.steps)

    def check(self) -> None:
        """Raise ValueError where arrays do not fit together."""
        shape = np.shape(self.point)
        self.require(dict.fromkeys(("point", "first", "second"), (shape, "float32")))


def minimize_adam(
    evaluate: Evaluate,
    start: Any,
    *,
    maxiter: int,
    learning_rate: float,
    bounds: tuple[float, float] | None = (0.0, 1.0),
    callback: Callback | None = None,
) -> Result:
    """Minimise with Adam (Kingma & Ba 2015) as torch.optim.Adam computes it, with DECAYS.

    Args:
        evaluate: see `compile_value_and_grad`.
        start: float32 tensor or array of any shape, or the `AdamState` of a run to go on with.
        maxiter: it ends after as many iterations since the start.
        learning_rate: of every step.
        bounds: to which the point is clipped after every step, or None.
        callback: called after every iteration, with the loss and evaluation at the point before the step and the point
            after it.

    Raises:
        NotFiniteError: a loss or gradient is NaN or infinite.
    """
    adam = Adam(learning_rate, bounds)
    state = start if isinstance(start, AdamState) else AdamState.zeros(start)
    loss, message = float("nan"), "reached the limit of iterations"
    while state.iterations < maxiter:
        evaluation = evaluate(state.point)
        loss = finite_loss(evaluation, state.evaluations + 1)
        squares = float(ops.convert_to_numpy(ops.sum(ops.square(evaluation.gradient))))
        check_gradient(squares, evaluation, state.evaluations + 1)
        state = adam.step(evaluation.gradient, state)
        if callback is not None and _stops(callback, loss, evaluation, state):
            message = "stopped by the callback"
            break
    point = np.asarray(ops.convert_to_numpy(state.point), np.float32)
    return Result(point, loss, state.iterations, state.evaluations, message)


class Adam:
    """Adam's step, compiled.

    Args:
        learning_rate: of every step.
        bounds: to which the point is clipped, or None.
    """

    def __init__(self, learning_rate: float, bounds: tuple[float, float] | None = (0.0, 1.0)) -> None:
        self.learning_rate = learning_rate
        self.bounds = bounds
        self._update = compile_function(self._updated)

    def step(self, gradient: Any, state: AdamState) -> AdamState:
        """Return the state after a step along the gradient at the state's point."""
        steps = state.steps + 1
        corrections = [1 - decay**steps for decay in DECAYS]
        scalars = ops.convert_to_tensor([self.learning_rate / corrections[0], corrections[1] ** 0.5], dtype="float32")
        values = map(ops.convert_to_tensor, (state.point, gradient, state.first, state.second))
        point, first, second = self._update(*values, scalars)
        return AdamState(
            point=point,
            first=first,
            second=second,
            steps=steps,
            iterations=state.iterations + 1,
            evaluations=state.evaluations + 1,
        )

    def _updated(self, point: Any, gradient: Any, first: Any, second: Any, scalars: Any) -> list[Any]:
        first = DECAYS[0] * first + (1 - DECAYS[0]) * gradient
        second = DECAYS[1] * second + (1 - DECAYS[1]) * ops.square(gradient)
        point = point - scalars[0] * first / (ops.sqrt(second) / scalars[1] + EPSILON)
        return [point if self.bounds is None else ops.clip(point, *self.bounds), first, second]


def _stops(callback: Callback, loss: float, evaluation: Any, state: AdamState) -> bool:
    """Call `callback` and return whether it ends the run."""
    try:
        callback(Iteration(state.iterations, state.evaluations, loss, evaluation, state.point, lambda: state))
    except StopIteration:
        return True
    return False
