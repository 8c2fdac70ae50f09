"""Padding a picture up to a multiple of a network's stride."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import pair
from layers.registration import registered
from layers.spatial import divide_up, take_lines


def _round_up(size: Any, multiple: int) -> Any:
    return divide_up(size, multiple) * multiple


@registered
class PadToMultiple(keras.layers.Layer):
    """Repeats the last row and column at bottom and right until height and width are multiples of `multiple`.

    Args:
        multiple: int or (height, width).

    Input and output: (batch, height, width, channels); CropToMatch undoes the padding after the network.
    """

    def __init__(self, multiple: int | Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.multiple = pair(multiple, "multiple")
        self.input_spec = keras.InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        """Return `inputs` with the last row and column repeated."""
        outputs = inputs
        for axis, multiple in enumerate(self.multiple, start=1):
            size = inputs.shape[axis]
            if multiple > 1 and (size is None or size % multiple):
                outputs = self._pad_axis(outputs, axis, multiple)
        return outputs

    def _pad_axis(self, inputs: Any, axis: int, multiple: int) -> Any:
        shape = list(ops.shape(inputs))
        last = take_lines(inputs, axis, shape[axis] - 1, 1)
        shape[axis] = _round_up(shape[axis], multiple) - shape[axis]
        return ops.concatenate([inputs, ops.broadcast_to(last, shape)], axis=axis)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape with height and width rounded up, None where unknown."""
        sizes = (
            None if size is None else _round_up(size, multiple)
            for size, multiple in zip(input_shape[1:3], self.multiple, strict=True)
        )
        return (input_shape[0], *sizes, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "multiple": self.multiple}
