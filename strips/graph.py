"""The graph of a network for one size of pictures: its calls in order, with the shapes of their inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import keras
from keras import tree

from compat import run_through

MAP_RANK = 4
# How many bytes a number of each type takes, of those that take other than four.
ITEM_BYTES = {"float16": 2, "bfloat16": 2, "float64": 8, "int64": 8, "uint8": 1, "int8": 1, "bool": 1}


@dataclass(frozen=True, eq=False)
class Tensor:
    """What flows between two calls.

    Attributes:
        shape: of batch 1, all sizes known.
        dtype: type of its numbers.
        is_map: whether it has the picture's rows: (1, height, width, channels). Else it is held whole.
    """

    shape: tuple[int, ...]
    dtype: str
    is_map: bool = True

    @property
    def height(self) -> int:
        """Rows of a map."""
        return self.shape[1]

    @property
    def row_bytes(self) -> int:
        """What one row of a map takes in memory."""
        return prod(self.shape[2:]) * ITEM_BYTES.get(self.dtype, 4)


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer or of an operation.

    Attributes:
        operation: the layer, or Keras' operation.
        args: what it is called with; tensors stand in them as `Tensor`.
        kwargs: likewise.
        outputs: what it returns.
    """

    operation: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[Tensor, ...] = field(default=())

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors among its arguments."""
        return tuple(part for part in tree.flatten((self.args, dict(self.kwargs))) if isinstance(part, Tensor))

    def __call__(self, values: Mapping[Tensor, Any]) -> tuple[Any, ...]:
        """Return the outputs of the operation with `values` in the place of its tensors."""
        args, kwargs = _replaced((self.args, dict(self.kwargs)), values)
        return tuple(tree.flatten(self.operation(*args, **kwargs)))

    def __str__(self) -> str:
        return f"{self.operation.name} ({type(self.operation).__name__})"


@dataclass(frozen=True)
class Graph:
    """A network with one input and one output.

    Attributes:
        input: the picture, or the noise.
        output: the result.
        calls: in an order in which each has its inputs.
    """

    input: Tensor
    output: Tensor
    calls: Sequence[Call]


def trace(model: keras.Model, height: int, width: int) -> Graph:
    """Return the graph of `model` for one picture of this size; models within it are part of it.

    Args:
        model: Functional or Sequential, with one input (batch, height, width, channels) and one output.
        height: rows of the picture.
        width: columns of the picture.

    Raises:
        ValueError: the model cannot take a picture of this size.
    """
    channels = model.inputs[0].shape[-1]
    start = Tensor((1, height, width, channels), keras.backend.standardize_dtype(model.inputs[0].dtype))
    calls: list[Call] = []

    def recorder(operation: Any) -> Any:
        def record(*args: Any, **kwargs: Any) -> Any:
            specs = _replaced((args, kwargs))
            returned = _output_spec(operation, *specs)
            rows = max((part.height for part in tree.flatten((args, kwargs)) if _is_map(part)), default=0)
            made = tree.map_structure(lambda spec: _tensor(spec, rows), returned)
            calls.append(Call(operation, args, kwargs, tuple(tree.flatten(made))))
            return made

        return record

    outputs = run_through(model, [start], recorder)
    return Graph(start, tree.flatten(outputs)[0], calls)


def _output_spec(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return the shapes of a call's outputs; some layers tell only those that their arguments give."""
    returned = operation.compute_output_spec(*args, **kwargs)
    if all(None not in spec.shape for spec in tree.flatten(returned)):
        return returned
    return keras.Operation.compute_output_spec(operation, *args, **kwargs)


def _is_map(part: Any) -> bool:
    return isinstance(part, Tensor) and part.is_map


def _tensor(spec: keras.KerasTensor, rows: int) -> Tensor:
    """Return the output of a call whose largest map has so many `rows`; one row of several is a number for all."""
    shape = tuple(spec.shape)
    is_map = rows > 0 and len(shape) == MAP_RANK and (shape[1] > 1 or rows == 1)
    return Tensor(shape, keras.backend.standardize_dtype(spec.dtype), is_map)


def _replaced(structure: Any, values: Mapping[Tensor, Any] | None = None) -> Any:
    """Return arguments with `values` in the place of tensors; without values, with symbols of their shapes."""

    def replace(part: Any) -> Any:
        if not isinstance(part, Tensor):
            return part
        return keras.KerasTensor(part.shape, dtype=part.dtype) if values is None else values[part]

    return tree.map_structure(replace, structure)
