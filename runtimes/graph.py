"""The interface of a loaded export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class GraphError(ValueError):
    """An exported model that cannot be loaded; the message names the file and the reason."""


@dataclass(frozen=True)
class TensorInfo:
    """An input or an output of a graph.

    Attributes:
        name: what the file calls it.
        shape: with the batch; None for a free size. None in its place where the file does not tell the rank.
        dtype: NumPy's name of it ("float32"), the runtime's own where NumPy has none.
        limits: the least and the most that a quantised tensor can hold; None for others.
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str
    limits: tuple[float, float] | None = None

    @property
    def axes(self) -> str:
        """The shape in words."""
        if self.shape is None:
            return "of unknown rank"
        return f"({', '.join('any' if size is None else str(size) for size in self.shape)})"

    def __str__(self) -> str:
        """Return its type and shape in words."""
        return f"{self.dtype} {self.axes}"


@dataclass(frozen=True)
class Graph:
    """An exported model in its runtime.

    Attributes:
        inputs: in the file's order.
        outputs: in the file's order.
        run: arrays by the inputs' names -> arrays by the outputs' names.
        styles: names of the styles of a model of several, in the order of their weights; none where the file does not
            tell them.
    """

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    run: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]
    styles: tuple[str, ...] = ()

    def __call__(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the outputs for the inputs, both in the file's order."""
        names = [tensor.name for tensor in self.inputs]
        results = self.run(dict(zip(names, arrays, strict=True)))
        return tuple(results[tensor.name] for tensor in self.outputs)
