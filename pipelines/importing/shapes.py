"""Formatting of input shapes for the command line."""

from __future__ import annotations

import re

from choices import SCALAR
from errors import ArgumentError

MAX_RANK = 8
MAX_SIZE = 2**24


def parse_shape(text: str) -> tuple[int | None, ...]:
    """Return the sizes of "3x224x224"; a ? is a size that stays free (None), "scalar" a single number without sizes.

    Raises:
        ArgumentError: the text is no such shape.
    """
    if text == SCALAR:
        return ()
    parts = text.split("x")
    if len(parts) > MAX_RANK or not all(re.fullmatch(r"\?|[0-9]{1,8}", part) for part in parts):
        raise ArgumentError(
            f"`input_shape` {text!r:.60}: must be sizes such as 3x224x224, ? for a free one, or {SCALAR}"
        )
    sizes = tuple(None if part == "?" else int(part) for part in parts)
    if any(size is not None and not 1 <= size <= MAX_SIZE for size in sizes):
        raise ArgumentError(f"`input_shape` {text}: sizes must be from 1 to {MAX_SIZE:,}")
    return sizes


def in_layout(shape: tuple[int | None, ...], layout: str) -> tuple[int | None, ...]:
    """Return the shape that a tensor with channels last has in a file of the `layout` "nhwc" or "nchw"."""
    if layout == "nhwc":
        return shape
    from convert.axes import source_shape  # loads Keras

    return source_shape(shape)


def written_shape(shape: tuple[int | None, ...]) -> str:
    """Return a shape for people, such as ? x 224 x 224 x 3."""
    return " x ".join("?" if size is None else str(size) for size in shape) or "one number"
