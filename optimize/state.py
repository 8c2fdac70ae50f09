"""The state of an optimiser: arrays that can be saved, and from which it resumes exactly."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from keras import ops


@dataclass(frozen=True, eq=False, kw_only=True)
class OptimizerState:
    """Where an optimiser stands; given to it in place of the start, it goes on as if it had never been interrupted.

    Attributes:
        point: the last point, of the shape that the optimiser was given.
        iterations: done since the start.
        evaluations: of loss and gradient since the start.
    """

    point: Any
    iterations: int = 0
    evaluations: int = 0

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the fields by name as arrays, numbers without axes, as `numpy.savez` takes them."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        # Keras would copy arrays: those that are mapped from files would fill the memory.
        return {
            name: value if isinstance(value, np.ndarray) else np.asarray(ops.convert_to_numpy(value))
            for name, value in fields.items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Return the state that `to_arrays` gave.

        Raises:
            ValueError: arrays are missing, or have not the shapes and types of such a state.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        if missing := [name for name in names if name not in arrays]:
            raise ValueError(f"the state of the optimiser lacks {', '.join(missing)}")
        values = {name: np.asarray(arrays[name]) for name in names}
        fields: dict[str, Any] = {name: value if value.ndim else value.item() for name, value in values.items()}
        state = cls(**fields)
        state.check()
        return state

    def check(self) -> None:
        """Raise ValueError where arrays do not fit together."""
        raise NotImplementedError

    def require(self, shapes: Mapping[str, tuple[tuple[int, ...], str]]) -> None:
        """Raise ValueError unless the fields named have these shapes and types."""
        for name, (shape, dtype) in shapes.items():
            value = np.asarray(getattr(self, name))
            if value.shape != shape or value.dtype != dtype:
                raise ValueError(
                    f"the state of the optimiser has {name} of shape {value.shape} and type {value.dtype}, "
                    f"not {shape} and {dtype}"
                )
