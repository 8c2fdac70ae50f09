"""How alike two pictures are, at many shifts of one against the other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import keras
from keras import ops

from layers.arguments import may_be_equal, pair, whole_number
from layers.registration import registered


@registered
class Correlation2D(keras.layers.Layer):
    """Multiplies the pixels of two pictures at every shift, as FlowNet does (Fischer et al. 2015, 1504.06852).

    Each channel of the output belongs to one shift, row by row: the mean over the channels, and over the pixels of a
    window, of first * second, the second shifted (a shift of 1 meets the next pixel). Both pictures have zeros around.

    Args:
        row_shifts: in pixels, as many as there are rows of shifts.
        column_shifts: in pixels.
        kernel_size: side of the window, odd.
        strides: pixels from one window to the next.
        padding: (rows, columns) of zeros on each side.
        border: (rows, columns) on each side, of the padded first picture, where no window begins.
        difference: take |first - second| in place of the product.

    Input: two pictures (batch, height, width, channels).
    Output: (batch, rows, columns, shifts): ceil((height + 2 padding - 2 border - kernel_size + 1) / strides) rows.
    """

    def __init__(
        self,
        row_shifts: Sequence[int],
        column_shifts: Sequence[int],
        kernel_size: int = 1,
        strides: int = 1,
        padding: int | Sequence[int] = 0,
        border: int | Sequence[int] = 0,
        difference: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.row_shifts = _shifts(row_shifts, "row_shifts")
        self.column_shifts = _shifts(column_shifts, "column_shifts")
        self.kernel_size = whole_number(kernel_size, "kernel_size")
        self.strides = whole_number(strides, "strides")
        self.padding = pair(padding, "padding", minimum=0)
        self.border = pair(border, "border", minimum=0)
        self.difference = difference
        self.input_spec = [keras.InputSpec(ndim=4)] * 2

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the means of all shifts."""
        first, second = inputs
        self.compute_output_shape([first.shape, second.shape])
        # How much further than the border the largest shifts reach.
        reach = zip((self.row_shifts, self.column_shifts), self.border, strict=True)
        beyond = [max(0, max(map(abs, shifts)) - border) for shifts, border in reach]
        first = self._padded(first, (0, 0))
        second = self._padded(second, beyond)
        first = first[:, *(slice(b, -b or None) for b in self.border), :]
        means = []
        for shift in itertools.product(self.row_shifts, self.column_shifts):
            places = []
            for moved, border, more in zip(shift, self.border, beyond, strict=True):
                places.append(slice(border + more + moved, -(border + more - moved) or None))
            other = second[:, *places, :]
            both = ops.absolute(first - other) if self.difference else first * other
            means.append(ops.mean(both, axis=-1))
        return self._windows(ops.stack(means, axis=-1))

    def _padded(self, picture: Any, more: Sequence[int]) -> Any:
        sides = [(zeros + others,) * 2 for zeros, others in zip(self.padding, more, strict=True)]
        return ops.pad(picture, ((0, 0), *sides, (0, 0)))

    def _windows(self, means: Any) -> Any:
        if self.kernel_size == 1:
            return means[:, :: self.strides, :: self.strides, :]
        return ops.average_pool(means, self.kernel_size, self.strides, "valid", "channels_last")

    def compute_output_shape(self, input_shape: Sequence[Sequence[int | None]]) -> tuple[int | None, ...]:
        """Return the number of windows, None where a size is unknown, and of shifts.

        Raises:
            ValueError: the pictures differ in shape, or have no place for a window.
        """
        first, second = (tuple(shape) for shape in input_shape)
        if not may_be_equal(first, second):
            raise ValueError(f"Correlation2D {self.name!r}: pictures of shapes {first} and {second} differ")
        batch, *sizes, _ = first
        places = []
        for size, zeros, border in zip(sizes, self.padding, self.border, strict=True):
            left = None if size is None else size + 2 * (zeros - border) - self.kernel_size + 1
            places.append(None if left is None else -(-left // self.strides))
        if any(count is not None and count < 1 for count in places):
            raise ValueError(f"Correlation2D {self.name!r}: no window fits into height and width {tuple(sizes)}")
        return (batch, *places, len(self.row_shifts) * len(self.column_shifts))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            **super().get_config(),
            "row_shifts": self.row_shifts,
            "column_shifts": self.column_shifts,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "border": self.border,
            "difference": self.difference,
        }


def _shifts(values: Sequence[int], name: str) -> list[int]:
    if not values or not all(isinstance(value, Integral) for value in values):
        raise ValueError(f"{name} must be integers, at least one, not {values!r}")
    return [int(value) for value in values]
