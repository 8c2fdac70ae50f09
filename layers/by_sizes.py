"""The common part of the layers that take their numbers from the sizes of their inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.size_formulas import Formula, evaluate


class BySizes(keras.layers.Layer):
    """Changes its first input by numbers that formulas make of the sizes of all: call([x, *others]), or call(x).

    Derived classes say which formulas (see `layers.size_formulas`), and what is done.
    """

    @property
    def formulas(self) -> Sequence[Formula]:
        """The formulas of the numbers."""
        raise NotImplementedError

    def change(self, inputs: Any, numbers: Sequence[Any]) -> Any:
        """Return the first input, changed by the numbers."""
        raise NotImplementedError

    def changed_shape(self, shape: Sequence[int | None], numbers: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the result; numbers of free sizes are None."""
        raise NotImplementedError

    def numbers(self, shapes: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the numbers for inputs of these shapes."""
        return [evaluate(formula, shapes) for formula in self.formulas]

    def call(self, inputs: Any) -> Any:
        """Return the first input, changed."""
        tensors = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        return self.change(tensors[0], self.numbers([ops.shape(tensor) for tensor in tensors]))

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[int | None, ...]:
        """Return the shape of the result, None where a size is unknown."""
        shapes = input_shape if isinstance(input_shape[0], (list, tuple)) else [input_shape]
        return self.changed_shape(shapes[0], self.numbers(shapes))

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return the shape of the result and the first input's type."""
        tensors = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        shape = self.compute_output_shape([tuple(tensor.shape) for tensor in tensors])
        return keras.KerasTensor(shape, dtype=tensors[0].dtype)
