"""A recurrent cell that begins anew at steps of zeros."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered
from layers.wrapped_cell import WrappedCell


@registered
class ResettingCell(WrappedCell):
    """Another cell that returns zeros, and forgets, at every step whose input is all zeros.

    So Torch7's nn.SeqLSTM and nn.SeqGRU work with `maskzero`, for several sequences in one that steps of zeros part.
    Keras' own masks would keep the state.

    Args:
        cell: keras.layers.LSTMCell or another whose states are (batch, units); its outputs are the first of them.

    Input: (batch, features), and the states. Output: what the cell returns. For keras.layers.RNN.
    """

    def call(self, inputs: Any, states: Sequence[Any], training: bool | None = None) -> tuple[Any, Any]:
        """Return the output and the new states."""
        made = self.cell(inputs, states, training=training)
        kept = ops.any(ops.not_equal(inputs, 0), axis=-1, keepdims=True)
        return keras.tree.map_structure(lambda value: ops.where(kept, value, ops.zeros_like(value)), made)
