"""The state of an optimisation over scales: the optimiser's state, the average, and the counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from keras import ops

from optimize.averaging import RunningAverage
from optimize.progress import Iteration
from optimize.state import OptimizerState

_OPTIMIZER, _AVERAGE = "optimizer_", "average_"


@dataclass(frozen=True, eq=False, kw_only=True)
class RunState:
    """One shape of state for all optimisations.

    Attributes:
        optimizer: of the present scale; or, before its first iteration, the point alone, float32.
        average: of the iterates of the present scale, or None where the result is the last iterate.
        scale: number of the scale, 0 for the coarsest.
        scale_iterations: done at this scale.
        iterations: done in all.
        evaluations: of loss and gradient, done in all.
        seconds: spent so far.
        scale_ended: whether the optimiser has ended by itself at this scale, before its last iteration.
    """

    optimizer: OptimizerState | np.ndarray
    average: RunningAverage | None = None
    scale: int = 0
    scale_iterations: int = 0
    iterations: int = 0
    evaluations: int = 0
    seconds: float = 0.0
    scale_ended: bool = False

    def base(self) -> RunState:
        """Return the state with the counts from which those of the optimiser count on.

        An optimiser that goes on counts its iterations at this scale on; one that begins anew, at a point alone, does
        not.
        """
        optimizer = self.optimizer
        if not isinstance(optimizer, OptimizerState):
            return self
        return replace(
            self,
            scale_iterations=0,
            iterations=self.iterations - self.scale_iterations,
            evaluations=self.evaluations - optimizer.evaluations,
        )

    def after(self, iteration: Iteration, seconds: float, **changes: Any) -> RunState:
        """Return the state after an iteration of the optimiser; this one is the `base`."""
        return replace(
            self,
            scale_iterations=self.scale_iterations + iteration.iteration,
            iterations=self.iterations + iteration.iteration,
            evaluations=self.evaluations + iteration.evaluations,
            seconds=seconds,
            **changes,
        )

    def is_through(self, iterations: int) -> bool:
        """Say whether nothing is left to do at this scale, which is to have so many iterations."""
        return self.scale_ended or self.scale_iterations >= iterations

    def ended(self, iterations: int) -> RunState:
        """Return the state after the optimiser has come to its end at this scale, which was to have so many iterations.

        One that had them all may be given more when the run is resumed.
        """
        return replace(self, scale_ended=self.scale_iterations < iterations)

    @property
    def point(self) -> np.ndarray:
        """The last iterate, or the trial point of a line search, as float32."""
        point = self.optimizer.point if isinstance(self.optimizer, OptimizerState) else self.optimizer
        return np.asarray(ops.convert_to_numpy(point), np.float32)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the state as arrays by name."""
        optimizer = self.optimizer
        arrays = optimizer.to_arrays() if isinstance(optimizer, OptimizerState) else {"point": optimizer}
        named = {_OPTIMIZER + name: value for name, value in arrays.items()}
        if self.average is not None:
            named[f"{_AVERAGE}total"] = ops.convert_to_numpy(self.average.total)
            named[f"{_AVERAGE}missing"] = np.asarray(self.average.missing)
        counts = ("scale", "scale_iterations", "iterations", "evaluations", "seconds", "scale_ended")
        return named | {name: np.asarray(getattr(self, name)) for name in counts}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], optimizer: type[OptimizerState]) -> RunState:
        """Return the state that `to_arrays` gave.

        Args:
            arrays: by name.
            optimizer: class of the optimiser's state.

        Raises:
            ValueError: arrays are missing, or have not the types and shapes of a state.
        """
        own = {name.removeprefix(_OPTIMIZER): value for name, value in arrays.items() if name.startswith(_OPTIMIZER)}
        average = None
        if f"{_AVERAGE}total" in arrays:
            average = RunningAverage(_floats(arrays, f"{_AVERAGE}total"), _number(arrays, f"{_AVERAGE}missing"))
        return cls(
            optimizer=_floats(own, "point") if own.keys() == {"point"} else optimizer.from_arrays(own),
            average=average,
            **{name: _count(arrays, name) for name in ("scale", "scale_iterations", "iterations", "evaluations")},
            seconds=_number(arrays, "seconds"),
            scale_ended=bool(arrays.get("scale_ended", False)),  # states of earlier versions lack it
        )


def check_fits(state: RunState, shapes: list[tuple[int, ...]]) -> None:
    """Raise ValueError unless a state belongs to a run whose pictures have these shapes, one for each scale."""
    if not 0 <= state.scale < len(shapes):
        raise ValueError(f"it is at scale {state.scale}, the run has {len(shapes)}")
    if state.point.shape != shapes[state.scale]:
        raise ValueError(f"its pictures are {state.point.shape}, not {shapes[state.scale]}")
    if not np.isfinite(state.point).all():
        raise ValueError("its pictures are not finite")


def _floats(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    value = _array(arrays, name)
    if value.dtype.kind != "f":
        raise ValueError(f"{name} is of type {value.dtype}")
    return value.astype(np.float32)


def _number(arrays: Mapping[str, np.ndarray], name: str) -> float:
    value = _array(arrays, name)
    if value.ndim or value.dtype.kind not in "fiu" or not np.isfinite(value) or value < 0:
        raise ValueError(f"{name} is not a number of at least 0")
    return float(value)


def _count(arrays: Mapping[str, np.ndarray], name: str) -> int:
    value = _array(arrays, name)
    if value.ndim or value.dtype.kind not in "iu" or value < 0:
        raise ValueError(f"{name} is not a count")
    return int(value)


def _array(arrays: Mapping[str, np.ndarray], name: str) -> Any:
    if name not in arrays:
        raise ValueError(f"{name} is missing")
    return arrays[name]
