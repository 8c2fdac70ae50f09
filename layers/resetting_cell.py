"""A recurrent cell that begins anew at steps of zeros."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.registration import registered


@registered
class ResettingCell(keras.layers.Layer):
    """Another cell that returns zeros, and forgets, at every step whose input is all zeros.

    So Torch7's nn.SeqLSTM and nn.SeqGRU work with `maskzero`, for several sequences in one that steps of zeros part.
    Keras' own masks would keep the state.

    Args:
        cell: keras.layers.LSTMCell or another whose states are (batch, units); its outputs are the first of them.

    Input: (batch, features), and the states. Output: what the cell returns. For keras.layers.RNN.
    """

    def __init__(self, cell: keras.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cell = cell
        self.state_size = cell.state_size
        self.output_size = cell.output_size

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights of the cell; one that was loaded has them."""
        if not self.cell.built:
            self.cell.build(input_shape)

    def call(self, inputs: Any, states: Sequence[Any], training: bool | None = None) -> tuple[Any, Any]:
        """Return the output and the new states."""
        made = self.cell(inputs, states, training=training)
        kept = ops.any(ops.not_equal(inputs, 0), axis=-1, keepdims=True)
        return keras.tree.map_structure(lambda value: ops.where(kept, value, ops.zeros_like(value)), made)

    def get_initial_state(self, batch_size: Any = None) -> Any:
        """Return the states before the first step."""
        return self.cell.get_initial_state(batch_size)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "cell": keras.saving.serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ResettingCell:
        """Return the layer of a configuration."""
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})
