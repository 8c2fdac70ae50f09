"""Reading the arguments that several layers share."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

Pair = tuple[int, int]
Border = tuple[Pair, Pair]


def _twice(value: Any) -> tuple[Any, Any] | None:
    """Return an integer twice, a sequence of two as it is, of anything else None."""
    if isinstance(value, Integral):
        return value, value
    return tuple(value) if isinstance(value, Sequence) and len(value) == 2 else None


def whole_number(value: int, name: str, *, minimum: int = 1) -> int:
    """Return `value` as an int.

    Raises:
        ValueError: it is no integer, or below `minimum`.
    """
    if not isinstance(value, Integral) or int(value) < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, not {value!r}")
    return int(value)


def whole_numbers(values: Sequence[int], name: str) -> tuple[int, ...]:
    """Return `values` as a tuple of ints.

    Raises:
        ValueError: it is no sequence, is empty, or one of them is no integer or below 1.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise ValueError(f"{name} must be a sequence of integers, not {values!r}")
    return tuple(whole_number(value, name) for value in values)


def pair(value: int | Sequence[int], name: str, *, minimum: int = 1) -> Pair:
    """Return `value` as (height, width); an int stands for both.

    Raises:
        ValueError: `value` is neither an int nor two of them, or one is below `minimum`.
    """
    values = _twice(value)
    if values is None or not all(isinstance(v, Integral) and int(v) >= minimum for v in values):
        raise ValueError(
            f"{name} must be an integer or a (height, width) pair of integers of at least {minimum}, not {value!r}"
        )
    return int(values[0]), int(values[1])


def border(value: int | Sequence[int] | Sequence[Sequence[int]], name: str = "padding") -> Border:
    """Return `value` as ((top, bottom), (left, right)).

    As in keras.layers.ZeroPadding2D an int stands for all four sides, (height, width) for both sides each.

    Raises:
        ValueError: `value` has another form, or a width is negative or no integer.
    """
    sides = _twice(value)
    if sides is None:
        raise ValueError(f"{name} must be an int, (height, width) or ((top, bottom), (left, right)), not {value!r}")
    return pair(sides[0], name, minimum=0), pair(sides[1], name, minimum=0)


def may_be_equal(first: Sequence[int | None], second: Sequence[int | None]) -> bool:
    """Say whether two shapes have the same rank and the same sizes, as far as these are known."""
    return len(first) == len(second) and all(
        None in sizes or sizes[0] == sizes[1] for sizes in zip(first, second, strict=True)
    )


def is_simple_convolution(layer: Any, paddings: Sequence[str] = ("valid",)) -> bool:
    """Say whether a keras.layers.Conv2D has such a padding, stride 1, no dilation and one group, channels last."""
    found = (layer.strides, layer.dilation_rate, layer.groups, layer.data_format)
    return layer.padding in paddings and found == ((1, 1), (1, 1), 1, "channels_last")


def require_simple_convolution(layer: Any) -> None:
    """Raise ValueError unless `is_simple_convolution(layer)`."""
    if not is_simple_convolution(layer):
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r} has no padding, stride 1, no dilation and one group, channels "
            f"last; not padding {layer.padding!r}, strides {layer.strides}, dilation_rate {layer.dilation_rate}, "
            f"groups {layer.groups}, {layer.data_format}"
        )
