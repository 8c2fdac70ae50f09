"""What optimisers report during a run and at its end, and how a callback ends a run early."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from errors import UserError
from optimize.state import OptimizerState
from optimize.value_and_grad import Evaluation

# From a point to its evaluation: what `compile_value_and_grad` returns.
Evaluate = Callable[[Any], Evaluation]


@dataclass(frozen=True, eq=False)
class Iteration:
    """The state after an iteration; the start is iteration 0.

    Attributes:
        iteration: iterations done.
        evaluations: evaluations of loss and gradient done.
        loss: at `point`.
        evaluation: loss, terms and gradient, at `point`.
        point: where the optimiser stands, tensor or array of the shape that it was given.
        state: returns a copy of what the optimiser needs to go on. It may be called later too, also after an exception
            ended the run: it is the state of then, from which nothing is lost and nothing done twice.
    """

    iteration: int
    evaluations: int
    loss: float
    evaluation: Evaluation
    point: Any
    state: Callable[[], OptimizerState]

    def numpy(self) -> np.ndarray:
        """Return a float32 copy of the point."""
        return np.array(ops.convert_to_numpy(self.point), dtype=np.float32)


# Called after every iteration. It may raise StopIteration to end the run there, with its result.
Callback = Callable[[Iteration], None]


@dataclass(frozen=True, eq=False)
class Result:
    """Where an optimisation ended.

    Attributes:
        point: float32, of the shape of the start.
        loss: at `point`.
        iterations: number of iterations.
        evaluations: number of evaluations; a line search may need several for an iteration.
        message: why it ended, in the optimiser's words.
    """

    point: np.ndarray
    loss: float
    iterations: int
    evaluations: int
    message: str


class NotFiniteError(UserError):
    """A loss or gradient that is NaN or infinite; the message says which."""


def finite_loss(evaluation: Evaluation, evaluations: int) -> float:
    """Return the loss as a float.

    Raises:
        NotFiniteError: it is NaN or infinite; the message names the terms that are, in the order of computation.
    """
    loss = float(ops.convert_to_numpy(evaluation.loss))
    if np.isfinite(loss):
        return loss
    values: Mapping[str, float] = evaluation.term_values()
    wrong = [f"{name} = {value}" for name, value in values.items() if not np.isfinite(value)]
    raise NotFiniteError(
        f"the loss is {loss} at evaluation {evaluations}, first in the term {wrong[0]} "
        f"({len(wrong)} of {len(values)} terms are not finite: {', '.join(wrong)})"
        if wrong
        else f"the loss is {loss} at evaluation {evaluations}, though each of its terms is finite: {values}"
    )


def check_gradient(norm: float, evaluation: Evaluation, evaluations: int) -> None:
    """Raise NotFiniteError where a norm of the gradient is NaN or infinite; the message names the largest term."""
    if not np.isfinite(norm):
        values = evaluation.term_values()
        largest = max(values, key=lambda name: abs(values[name]))
        raise NotFiniteError(
            f"the gradient is not finite at evaluation {evaluations}, though the loss is; its largest term is "
            f"{largest} = {values[largest]:g}"
        )
