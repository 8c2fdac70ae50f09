"""The common part of the recurrent cells that run another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import keras


class WrappedCell(keras.layers.Layer):
    """A cell for keras.layers.RNN that has the weights, the states and the outputs of another cell.

    Subclasses say in `call` what it gets, and in `cell_shape` of which shape.

    Args:
        cell: keras.layers.LSTMCell or another.
    """

    def __init__(self, cell: keras.Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cell = cell
        self.state_size = cell.state_size
        self.output_size = cell.output_size

    def cell_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of what the cell gets of an input of `input_shape`."""
        return tuple(input_shape)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the weights of the cell; one that was loaded has them."""
        if not self.cell.built:
            self.cell.build(self.cell_shape(input_shape))

    def get_initial_state(self, batch_size: Any = None) -> Any:
        """Return the states before the first step."""
        return self.cell.get_initial_state(batch_size)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "cell": keras.saving.serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the layer of a configuration."""
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})
