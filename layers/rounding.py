"""Rounding as C does it."""

from __future__ import annotations

from typing import Any

from keras import ops


def rounded(values: Any) -> Any:
    """Return the nearest whole numbers, of halves the one further from zero, as C's round()."""
    size = ops.absolute(values)
    below = ops.floor(size)
    return ops.sign(values) * (below + ops.cast(size - below >= 0.5, "float32"))
