"""Other sizes for the same numbers, which depend on sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from keras import ops

from layers.by_sizes import BySizes
from layers.registration import registered
from layers.size_formulas import Formula, check_formula


@registered
class ReshapeBySizes(BySizes):
    """Gives the numbers of its first input other sizes, the batch among them: call([x, *others]), or call(x).

    Args:
        shape: the sizes, numbers or formulas of sizes (see `layers.size_formulas`); one may be -1: what is left.

    Raises:
        ValueError: a formula is none.
    """

    def __init__(self, shape: Sequence[Formula], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shape = [check_formula(size) for size in shape]

    @property
    def formulas(self) -> Sequence[Formula]:
        """The sizes."""
        return self.shape

    def change(self, inputs: Any, numbers: Sequence[Any]) -> Any:
        """Return the numbers in these sizes."""
        return ops.reshape(inputs, tuple(numbers))

    def changed_shape(self, shape: Sequence[int | None], numbers: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the sizes, None where they are free."""
        known = [number for number in numbers if number is not None and number >= 0]
        is_known = None not in shape and None not in numbers
        rest = math.prod(size or 0 for size in shape) // (math.prod(known) or 1) if is_known else None
        return tuple(rest if number == -1 else number for number in numbers)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "shape": self.shape}
