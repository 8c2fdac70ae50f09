"""A recurrent cell that another input tells at which steps to go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from layers.registration import registered
from layers.wrapped_cell import WrappedCell


@registered
class ContinuedCell(WrappedCell):
    """Another cell whose states are multiplied by the last feature of its input before each step.

    Caffe's LSTM and RNN have such an input, `cont`: 0 where a sequence begins and 1 where it goes on, so that several
    sequences may stand one after the other (Donahue et al. 2014, 1411.4389).

    Args:
        cell: keras.layers.LSTMCell or another; it gets all other features.

    Input: (batch, features + 1), and the states. Output: what the cell returns. For keras.layers.RNN.
    """

    def cell_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape without the last feature."""
        return (*input_shape[:-1], (input_shape[-1] or 0) - 1)

    def call(self, inputs: Any, states: Sequence[Any], training: bool | None = None) -> tuple[Any, Any]:
        """Return the output and the new states."""
        continued = keras.tree.map_structure(lambda state: state * inputs[:, -1:], states)
        return self.cell(inputs[:, :-1], continued, training=training)
