"""A recurrent cell that another input tells at which steps to go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from layers.registration import registered


@registered
class ContinuedCell(keras.layers.Layer):
    """Another cell whose states are multiplied by the last feature of its input before each step.

    Caffe's LSTM and RNN have such an input, `cont`: 0 where a sequence begins and 1 where it goes on, so that several
    sequences may stand one after the other (Donahue et al. 2014, 1411.4389).

    Args:
        cell: keras.layers.LSTMCell or another; it gets all other features.

    Input: (batch, features + 1), and the states. Output: what the cell returns. For keras.layers.RNN.
    """

    def __init__(self, cell: keras.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cell = cell
        self.state_size = cell.state_size
        self.output_size = cell.output_size

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights of the cell; one that was loaded has them."""
        if not self.cell.built:
            self.cell.build((*input_shape[:-1], (input_shape[-1] or 0) - 1))

    def call(self, inputs: Any, states: Sequence[Any], training: bool | None = None) -> tuple[Any, Any]:
        """Return the output and the new states."""
        continued = keras.tree.map_structure(lambda state: state * inputs[:, -1:], states)
        return self.cell(inputs[:, :-1], continued, training=training)

    def get_initial_state(self, batch_size: Any = None) -> Any:
        """Return the states before the first step."""
        return self.cell.get_initial_state(batch_size)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "cell": keras.saving.serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ContinuedCell:
        """Return the layer of a configuration."""
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})
