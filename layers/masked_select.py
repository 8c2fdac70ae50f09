"""Choosing elements by a mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.arguments import may_be_equal
from layers.registration import registered


@registered
class MaskedSelect(keras.layers.Layer):
    """Returns the elements of the first input where the second is not zero, row by row: nn.MaskedSelect.

    Input: two tensors of the same shape. Output: a vector, as long as the mask has elements that are not zero (so
    that JAX can run it only outside of jit).
    """

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the chosen elements."""
        self.compute_output_shape([x.shape for x in inputs])
        values, mask = (ops.reshape(x, (-1,)) for x in inputs)
        return ops.take(values, positions_of(ops.not_equal(mask, 0)))

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return that the length is unknown.

        Raises:
            ValueError: the inputs differ in shape.
        """
        values, mask = (tuple(shape) for shape in input_shape)
        if not may_be_equal(values, mask):
            raise ValueError(f"MaskedSelect {self.name!r}: a mask of shape {mask} does not fit {values}")
        return (None,)


def positions_of(wanted: Any) -> Any:
    """Return the positions of what is true in a vector, with operations that LiteRT has too."""
    count = ops.shape(wanted)[0]
    order = ops.arange(count)
    return ops.sort(ops.where(wanted, order, order + count))[: ops.sum(ops.cast(wanted, "int32"))]
