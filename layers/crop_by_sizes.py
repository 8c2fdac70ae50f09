"""Cutting at places that depend on sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from layers.by_sizes import BySizes
from layers.registration import registered
from layers.size_formulas import Formula, check_formula
from layers.spatial import take_lines


@registered
class CropBySizes(BySizes):
    """Takes the positions of one axis between places that are computed of sizes: call([x, *others]), or call(x).

    As Python's x[start:end] along one axis: places below zero count from the end, those outside are at the edges.

    Args:
        axis: which one, from 0 on.
        start: the first place, a number or a formula of sizes (see `layers.size_formulas`).
        end: the place after the last, likewise.

    Raises:
        ValueError: a formula is none.
    """

    def __init__(self, axis: int, start: Formula, end: Formula, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.start, self.end = check_formula(start), check_formula(end)

    @property
    def formulas(self) -> Sequence[Formula]:
        """The places."""
        return self.start, self.end

    def change(self, inputs: Any, numbers: Sequence[Any]) -> Any:
        """Return the positions between the places."""
        start, count = _span(ops.shape(inputs)[self.axis], *numbers)
        return take_lines(inputs, self.axis, start, count)

    def changed_shape(self, shape: Sequence[int | None], numbers: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape with the number of positions that are taken."""
        (start, end), size = numbers, shape[self.axis]
        count = None if size is None or start is None or end is None else _span(size, start, end)[1]
        return (*shape[: self.axis], count, *shape[self.axis + 1 :])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), **{name: getattr(self, name) for name in ("axis", "start", "end")}}


def _span(size: Any, start: Any, end: Any) -> tuple[Any, Any]:
    """Return where a slice starts, and how many positions it has."""
    if all(isinstance(number, int) for number in (size, start, end)):
        first, last, _ = slice(start, end).indices(size)
        return first, max(last - first, 0)
    first, last = (_place(number, size) for number in (start, end))
    return first, ops.maximum(last - first, 0)


def _place(number: Any, size: Any) -> Any:
    """Return a place of a slice, from 0 to the size."""
    if isinstance(number, int):
        return ops.maximum(size + number, 0) if number < 0 else ops.minimum(size, number)
    from_start = number + size * ops.cast(ops.less(number, 0), "int32")
    return ops.minimum(ops.maximum(from_start, 0), size)
