"""Distributions as quantiles, in any number."""

from __future__ import annotations

from typing import Any

from keras import ops


def interpolated(quantiles: Any, count: int) -> Any:
    """Return `count` quantiles in place of those given, (quantiles, channels), by linear interpolation."""
    known = quantiles.shape[0]
    places = (ops.arange(count, dtype=quantiles.dtype) + 0.5) * (known / count) - 0.5
    below = ops.clip(ops.floor(places), 0, known - 2)
    share = ops.clip(places - below, 0, 1)[:, None]
    start = ops.cast(below, "int32")
    return ops.take(quantiles, start, axis=0) * (1 - share) + ops.take(quantiles, start + 1, axis=0) * share
