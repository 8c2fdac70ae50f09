"""An LSTM cell whose output is a projection of what it computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import whole_number
from layers.registration import registered


@registered
class ProjectedLSTMCell(keras.layers.Layer):
    """LSTM with a recurrent projection layer (Sak et al. 2014, 1402.1128), as Torch7's nn.SeqLSTMP.

    The products of tanh(cell) and output gate are multiplied by a matrix; the result is the output, and what the next
    step sees of this one. Gates are in Keras' order i, f, g, o.

    Args:
        units: size of the cell.
        projection_units: size of the output.

    Input: (batch, features), and the states: the last output and the cell. For keras.layers.RNN.
    """

    def __init__(self, units: int, projection_units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = whole_number(units, "units")
        self.projection_units = whole_number(projection_units, "projection_units")
        self.state_size = [self.projection_units, self.units]
        self.output_size = self.projection_units

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights."""
        gates = 4 * self.units
        self.kernel = self.add_weight(shape=(input_shape[-1], gates), name="kernel")
        self.recurrent_kernel = self.add_weight(shape=(self.projection_units, gates), name="recurrent_kernel")
        self.bias = self.add_weight(shape=(gates,), initializer="zeros", name="bias")
        self.projection_kernel = self.add_weight(shape=(self.units, self.projection_units), name="projection_kernel")

    def call(self, inputs: Any, states: Sequence[Any], training: bool | None = None) -> tuple[Any, list[Any]]:
        """Return the output and the new states."""
        output, cell = states
        gates = ops.matmul(inputs, self.kernel) + ops.matmul(output, self.recurrent_kernel) + self.bias
        entry, kept, new, shown = ops.split(gates, 4, axis=-1)
        cell = ops.sigmoid(kept) * cell + ops.sigmoid(entry) * ops.tanh(new)
        output = ops.matmul(ops.sigmoid(shown) * ops.tanh(cell), self.projection_kernel)
        return output, [output, cell]

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Return zeros for the states before the first step."""
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in self.state_size]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "units": self.units, "projection_units": self.projection_units}
