"""SciPy's L-BFGS-B on the pixels of pictures, with a state that can be saved and resumed exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from threadpoolctl import threadpool_limits

from compat import lbfgsb_messages, lbfgsb_step
from images.large.mapped import zeros
from optimize.progress import Callback, Evaluate, Iteration, Result, check_gradient, finite_loss
from optimize.state import OptimizerState
from optimize.value_and_grad import Evaluation

# The first number of SciPy's `task`: a new iterate is there, loss and gradient are wanted, or the run is stopped.
NEW_ITERATE, EVALUATE, STOP = 1, 3, 5
# The second one of a stop: by the limit of iterations, or by the callback.
BY_LIMIT, BY_CALLBACK = 504, 505
# Trials of a line search, as SciPy has it.
MAX_TRIALS = 20


@dataclass(frozen=True, eq=False, kw_only=True)
class LBFGSBState(OptimizerState):
    """Everything that L-BFGS-B keeps: its curvature pairs and the line search that it is in, if it is in one.

    About 8 * (2 * maxcor + 7) bytes a number of the picture: 170 MB for 512x512 and 10 pairs.

    Attributes:
        dtype: type of the numbers in which the loss is evaluated.
        maxcor: pairs for which there is room.
        scale: by which loss and gradient are multiplied.
        loss: the last one, scaled.
        gradient: the last one, scaled, float64 vector.
        wa: SciPy's workspace, float64: pairs, matrices of their products, vectors.
        iwa: likewise, int32, as for the next ones.
        task: what SciPy wants next.
        ln_task: what its line search wants.
        lsave: flags.
        isave: counts.
        dsave: numbers of the line search.
    """

    dtype: str
    maxcor: int
    scale: float
    loss: float
    gradient: np.ndarray
    wa: np.ndarray
    iwa: np.ndarray
    task: np.ndarray
    ln_task: np.ndarray
    lsave: np.ndarray
    isave: np.ndarray
    dsave: np.ndarray

    @classmethod
    def first(cls, start: np.ndarray, maxcor: int, folder: str | None = None) -> LBFGSBState:
        """Return the state before the first evaluation; SciPy's workspace is in files of `folder`, if there is one."""
        size = start.size
        workspace: dict[str, Any] = {name: zeros(*kind, folder) for name, kind in _workspace(size, maxcor).items()}
        return cls(
            point=np.array(start, np.float64),
            dtype=start.dtype.name,
            maxcor=maxcor,
            scale=0.0,
            loss=0.0,
            gradient=np.zeros(size),
            **workspace,
        )

    def check(self) -> None:
        """Raise ValueError where arrays do not fit together."""
        size = np.size(self.point)
        self.require({"point": (np.shape(self.point), "float64"), "gradient": ((size,), "float64")})
        self.require(_workspace(size, self.maxcor))


def minimize_lbfgsb(
    evaluate: Evaluate,
    start: np.ndarray | LBFGSBState,
    *,
    maxiter: int,
    bounds: tuple[float, float] | None = (0.0, 1.0),
    ftol: float = 1e-9,
    gtol: float = 1e-9,
    maxcor: int = 10,
    callback: Callback | None = None,
    folder: str | None = None,
) -> Result:
    """Minimise with L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995; Zhu et al. 1997) as SciPy has it.

    SciPy sees float64 vectors and the loss divided by the first loss, so that it starts at 1, as the tolerances
    expect; the loss itself is evaluated in the type of `start`.

    Args:
        evaluate: see `compile_value_and_grad`.
        start: of any shape, values beyond the bounds are clipped; or the state of a run to go on with, by the same
            other arguments.
        maxiter: it ends after as many iterations since the start.
        bounds: of every value, or None.
        ftol: it ends when an iteration lowers the scaled loss by less than ftol * max(scaled loss, 1).
        gtol: it ends when no component of the scaled, projected gradient is above it.
        maxcor: pairs kept as memory of curvatures; a state has its own.
        callback: called after every iteration.
        folder: where SciPy's workspace, about 8 * (2 * maxcor + 9) bytes a number, is in files mapped into memory, with
            the same numbers; None: it is in memory.

    Returns:
        The last iterate, with SciPy's message ("STOP: ..." where the callback or the limit ended the run).

    Raises:
        NotFiniteError: a loss or gradient is NaN or infinite.
    """
    run = _Run(evaluate, start, bounds, maxcor, folder)
    # The threads of SciPy's OpenBLAS go on spinning after their work and take the cores from the next evaluation: with
    # them a run took twice as long. Sums of a vector's products are bound by memory: one thread is as quick.
    with threadpool_limits(limits=1, user_api="blas"):
        while run.iterate(ftol, gtol, maxiter):
            if callback is not None and run.stops(callback):
                run.stop(BY_CALLBACK)
                break
    return run.result()


class _Run:
    """SciPy's arrays, which it changes in place, and the last evaluation, whose point is the one that it accepts."""

    def __init__(
        self,
        evaluate: Evaluate,
        start: np.ndarray | LBFGSBState,
        bounds: tuple[float, float] | None,
        maxcor: int,
        folder: str | None,
    ) -> None:
        self.evaluate = evaluate
        self.folder = folder
        state = start if isinstance(start, LBFGSBState) else LBFGSBState.first(start, maxcor, folder)
        self.shape, self.dtype, self.scale = np.shape(state.point), state.dtype, state.scale
        self.maxcor, self.evaluations = state.maxcor, state.evaluations
        self.iterations = state.iterations
        self.point = state.point.flatten() if bounds is None else np.clip(state.point.ravel(), *bounds)
        self.loss, self.gradient = state.loss, state.gradient
        self.arrays = {name: getattr(state, name) for name in _workspace(1, 1)}
        if state is start:
            self.arrays = self._copies()
        self.limits = _limits(self.point.size, bounds, folder)
        self.message = ""

    def iterate(self, ftol: float, gtol: float, maxiter: int) -> bool:
        """Go on to the next iterate and return whether there is one."""
        if self.iterations >= maxiter:
            self.stop(BY_LIMIT)
            return False
        task = self.arrays["task"]
        if task[0] == EVALUATE:
            self._evaluate()
        while True:
            self._step(ftol, gtol)
            if task[0] == NEW_ITERATE:
                self.iterations = int(self.arrays["isave"][29])
                return True
            if task[0] != EVALUATE:
                self.message = _message(*task)
                return False
            self._evaluate()

    def stop(self, reason: int) -> None:
        """Keep why the run ended; SciPy's own task stays, so that the state can go on."""
        self.message = _message(STOP, reason)

    def _step(self, ftol: float, gtol: float) -> None:
        a = self.arrays
        factr = ftol / np.finfo(np.float64).eps
        lbfgsb_step()(
            self.maxcor, self.point, *self.limits, self.loss, self.gradient, factr, gtol, a["wa"], a["iwa"], a["task"],
            a["lsave"], a["isave"], a["dsave"], MAX_TRIALS, a["ln_task"],
        )  # fmt: skip

    def _evaluate(self) -> None:
        self.last: Evaluation = self.evaluate(self.point.astype(self.dtype).reshape(self.shape))
        loss = finite_loss(self.last, self.evaluations + 1)
        scale = self.scale or 1.0 / (abs(loss) or 1.0)
        gradient = np.multiply(ops.convert_to_numpy(self.last.gradient).ravel(), scale, dtype=np.float64)
        check_gradient(gradient @ gradient, self.last, self.evaluations + 1)
        # Together, so that an interruption leaves a state from which this evaluation is done once more.
        self.loss, self.gradient, self.scale, self.evaluations = loss * scale, gradient, scale, self.evaluations + 1

    def stops(self, callback: Callback) -> bool:
        """Call `callback` and return whether it ends the run."""
        loss = finite_loss(self.last, self.evaluations)
        point = self.point.reshape(self.shape)
        try:
            callback(Iteration(self.iterations, self.evaluations, loss, self.last, point, self.state))
        except StopIteration:
            return True
        return False

    def state(self) -> LBFGSBState:
        """Return a copy of where the run stands, be it within a line search."""
        return LBFGSBState(
            point=self.point.reshape(self.shape).copy(),
            iterations=self.iterations,
            evaluations=self.evaluations,
            dtype=self.dtype,
            maxcor=self.maxcor,
            scale=self.scale,
            loss=self.loss,
            gradient=self.gradient,
            **self._copies(),
        )

    def _copies(self) -> dict[str, np.ndarray]:
        """Return copies of SciPy's arrays, where they are to be."""
        found = {}
        for name, array in self.arrays.items():
            found[name] = zeros(array.shape, array.dtype, self.folder)
            found[name][...] = array
        return found

    def result(self) -> Result:
        """Return where the run ended."""
        return Result(
            point=self.point.reshape(self.shape).astype(np.float32),
            loss=self.loss / (self.scale or 1.0),
            iterations=self.iterations,
            evaluations=self.evaluations,
            message=self.message,
        )


def _limits(
    size: int, bounds: tuple[float, float] | None, folder: str | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return lower bounds, upper bounds and their kinds (0: none, 2: both) of every number."""
    low, high, kinds = (zeros((size,), dtype, folder) for dtype in ("float64", "float64", "int32"))
    if bounds is not None:
        low[:], high[:], kinds[:] = *bounds, 2
    return low, high, kinds


def _message(task: int, reason: int) -> str:
    tasks, reasons = lbfgsb_messages()
    return f"{tasks[int(task)]}: {reasons[int(reason)]}"


def _workspace(size: int, maxcor: int) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return shapes and types of SciPy's arrays for a vector of `size` numbers."""
    return {
        "wa": ((_wa_size(size, maxcor),), "float64"),
        "iwa": ((3 * size,), "int32"),
        "task": ((2,), "int32"),
        "ln_task": ((2,), "int32"),
        "lsave": ((4,), "int32"),
        "isave": ((44,), "int32"),
        "dsave": ((29,), "float64"),
    }


def _wa_size(size: int, maxcor: int) -> int:
    return (2 * maxcor + 5) * size + (11 * maxcor + 8) * maxcor
