"""Whole numbers in a row, as many as sizes say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from layers.by_sizes import BySizes
from layers.registration import registered
from layers.size_formulas import Formula, check_formula


@registered
class RangeBySizes(BySizes):
    """Makes the whole numbers start, start + 1, ... of sizes: call([x, *others]), or call(x).

    Args:
        start: the first, a number or a formula of sizes (see `layers.size_formulas`).
        count: how many, likewise.

    Output: (count,), int32.

    Raises:
        ValueError: a formula is none.
    """

    def __init__(self, start: Formula, count: Formula, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start, self.count = check_formula(start), check_formula(count)

    @property
    def formulas(self) -> Sequence[Formula]:
        """The first number, and how many."""
        return self.start, self.count

    def change(self, inputs: Any, numbers: Sequence[Any]) -> Any:
        """Return the numbers."""
        start, count = numbers
        return ops.arange(count, dtype="int32") + start

    def changed_shape(self, shape: Sequence[int | None], numbers: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return how many there are."""
        return (numbers[1],)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Return the shape and the type."""
        return keras.KerasTensor(super().compute_output_spec(inputs).shape, dtype="int32")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "start": self.start, "count": self.count}
