"""Padding by widths that depend on sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras import ops

from layers.by_sizes import BySizes
from layers.registration import registered
from layers.size_formulas import Formula, check_formula, modulo
from layers.spatial import take_lines

# From the place of a line, which may be outside, and the size, to the line that stands there.
_SOURCES: Mapping[str, Callable[[Any, Any], Any]] = {
    "reflect": lambda place, size: size - 1 - ops.abs(size - 1 - ops.abs(place)),
    "replicate": lambda place, size: ops.minimum(ops.maximum(place, 0), size - 1),
    "circular": modulo,
}
MODES = ("constant", *_SOURCES)


@registered
class PadBySizes(BySizes):
    """Pads one axis by widths that are computed of sizes: call([x, *others]), or call(x).

    As torch.nn.functional.pad along one axis: negative widths cut off.

    Args:
        axis: which one, from 0 on.
        before: the width before the first position, a number or a formula of sizes (see `layers.size_formulas`).
        after: likewise after the last.
        mode: "constant", "reflect", "replicate" or "circular".
        value: the number that is put there with "constant".

    Raises:
        ValueError: there is no such mode, or a formula is none.
    """

    def __init__(
        self, axis: int, before: Formula, after: Formula, mode: str = "constant", value: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
        self.axis = axis
        self.before, self.after = check_formula(before), check_formula(after)
        self.mode = mode
        self.value = value

    @property
    def formulas(self) -> Sequence[Formula]:
        """The widths."""
        return self.before, self.after

    def change(self, inputs: Any, numbers: Sequence[Any]) -> Any:
        """Return the input with so many more positions before and after."""
        before, after = numbers
        size = ops.shape(inputs)[self.axis]
        self._check(size, before, after)
        if self.mode == "constant":
            return self._padded(inputs, size, before, after)
        places = ops.arange(before + size + after) - before
        return ops.take(inputs, _SOURCES[self.mode](places, size), axis=self.axis)

    def _padded(self, inputs: Any, size: Any, before: Any, after: Any) -> Any:
        cut, rest = (_at_least_0(0 - width) for width in (before, after))
        kept = take_lines(inputs, self.axis, cut, size - cut - rest)
        widths: list[Any] = [(0, 0)] * len(inputs.shape)
        widths[self.axis] = _at_least_0(before), _at_least_0(after)
        return ops.pad(kept, widths, constant_values=self.value)

    def _check(self, size: Any, before: Any, after: Any) -> None:
        """Raise ValueError where known widths are wider than the input allows."""
        most = {"reflect": size - 1, "circular": size}.get(self.mode)
        known = [one for one in (before, after) if isinstance(one, int)]
        if isinstance(most, int) and any(one > most for one in known):
            raise ValueError(
                f"PadBySizes {self.name!r}: a size of {size} is padded by {max(known)}, at most {most} is possible"
            )

    def changed_shape(self, shape: Sequence[int | None], numbers: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape with the axis grown by both widths."""
        (before, after), size = numbers, shape[self.axis]
        grown = None if size is None or before is None or after is None else before + size + after
        return (*shape[: self.axis], grown, *shape[self.axis + 1 :])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        names = ("axis", "before", "after", "mode", "value")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _at_least_0(width: Any) -> Any:
    return max(width, 0) if isinstance(width, int) else ops.maximum(width, 0)
