"""SciPy's L-BFGS-B on the pixels of pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops
from scipy import optimize
from threadpoolctl import threadpool_limits

from optimize.progress import Callback, Iteration, Result, check_gradient, finite_loss
from optimize.value_and_grad import Evaluation


def minimize_lbfgsb(
    evaluate: Callable[[Any], Evaluation],
    start: np.ndarray,
    *,
    max_iterations: int,
    bounds: tuple[float, float] | None = (0.0, 1.0),
    ftol: float = 1e-9,
    gtol: float = 1e-9,
    maxcor: int = 10,
    callback: Callback | None = None,
) -> Result:
    """Minimise with L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995; Zhu et al. 1997) as SciPy has it.

    SciPy sees float64 vectors and the loss divided by the first loss, so that it starts at 1, as the tolerances
    expect; the loss itself is evaluated in the type of `start`. The algorithm keeps its memory of curvatures to
    itself: a run that goes on from a saved point starts with an empty one.

    Args:
        evaluate: see `compile_value_and_grad`.
        start: of any shape; values beyond the bounds are clipped.
        max_iterations: it ends after as many.
        bounds: of every value, or None.
        ftol: it ends when an iteration lowers the scaled loss by less than ftol * max(scaled loss, 1).
        gtol: it ends when no component of the scaled, projected gradient is above it.
        maxcor: corrections kept as memory of curvatures.
        callback: called after every iteration.

    Returns:
        The last iterate, with SciPy's message ("STOP: ..." where the callback or the limit ended the run).

    Raises:
        NotFiniteError: a loss or gradient is NaN or infinite.
    """
    objective = _Objective(evaluate, start)
    # The threads of SciPy's OpenBLAS go on spinning after their work and take the cores from the next evaluation: with
    # them a run took twice as long. Sums of a vector's products are bound by memory: one thread is as quick.
    with threadpool_limits(limits=1, user_api="blas"):
        point, loss, details = optimize.fmin_l_bfgs_b(
            objective,
            np.asarray(start, dtype=np.float64).ravel(),
            # A list of the same pair: `scipy.optimize.Bounds` would be taken apart number by number, three times over.
            bounds=None if bounds is None else [bounds] * np.size(start),
            m=maxcor,
            factr=ftol / np.finfo(np.float64).eps,
            pgtol=gtol,
            maxiter=max_iterations,
            maxfun=np.iinfo(np.int32).max,
            callback=None if callback is None else objective.reporter(callback),
        )
    return Result(
        point=point.reshape(start.shape).astype(np.float32),
        loss=float(loss) / objective.scale,
        iterations=details["nit"],
        evaluations=objective.evaluations,
        message=details["task"],
    )


class _Objective:
    """Loss and gradient as SciPy wants them, and the last evaluation, whose point is the one SciPy accepts."""

    def __init__(self, evaluate: Callable[[Any], Evaluation], start: np.ndarray) -> None:
        self.evaluate = evaluate
        self.shape = start.shape
        self.dtype = start.dtype
        self.scale = 1.0
        self.evaluations = 0
        self.iterations = 0

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        self.last = self.evaluate(vector.astype(self.dtype).reshape(self.shape))
        self.evaluations += 1
        loss = finite_loss(self.last, self.evaluations)
        if self.evaluations == 1 and loss != 0:
            self.scale = 1.0 / abs(loss)
        gradient = np.multiply(ops.convert_to_numpy(self.last.gradient).ravel(), self.scale, dtype=np.float64)
        check_gradient(gradient @ gradient, self.last, self.evaluations)
        return loss * self.scale, gradient

    def reporter(self, callback: Callback) -> Callable[[np.ndarray], None]:
        """Return the function that SciPy calls after every iteration."""

        def report(vector: np.ndarray) -> None:
            self.iterations += 1
            loss = finite_loss(self.last, self.evaluations)
            callback(Iteration(self.iterations, self.evaluations, loss, self.last, vector.reshape(self.shape)))

        return report
