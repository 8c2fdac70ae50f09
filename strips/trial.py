"""Finding out by a trial whether an operation that has no rule computes each row by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from strips.graph import Call, Tensor
from strips.rows import maps_of

# Of the maps in the trial.
ROWS = 4


def computes_rows_apart(call: Call) -> bool:
    """Say whether each row of a call's outputs follows from the same row of its maps alone.

    The operation is called with a few rows of random numbers, and with each of them alone: one that looks at other
    rows, or at how many there are, gives something else. Each row is ten times as large as the one above, so that
    limits which depend on all values show.
    """
    if len({tensor.height for tensor in (*maps_of(call), *call.outputs)}) > 1:
        return False
    random = np.random.default_rng(0)
    values = {tensor: _random_values(tensor, random) for tensor in call.inputs}
    try:
        whole = call({tensor: ops.convert_to_tensor(value) for tensor, value in values.items()})
        rows = [call({tensor: _row(tensor, value, i) for tensor, value in values.items()}) for i in range(ROWS)]
        return all(
            _agree(ops.convert_to_numpy(made), [ops.convert_to_numpy(row[number]) for row in rows])
            for number, made in enumerate(whole)
        )
    except Exception:  # what stands in the way may be anything, in a layer that others wrote
        return False


def _random_values(tensor: Tensor, random: np.random.Generator) -> Any:
    shape = (1, ROWS, *tensor.shape[2:]) if tensor.is_map else tensor.shape
    values = random.normal(size=shape)
    if tensor.is_map:
        values *= 10.0 ** np.arange(-1, ROWS - 1)[:, np.newaxis, np.newaxis]
    if tensor.dtype == "bool":
        return values > 0
    whole = "int" in tensor.dtype
    return ops.cast(ops.convert_to_tensor(np.abs(values).round() % 2 if whole else values), tensor.dtype)


def _row(tensor: Tensor, value: Any, row: int) -> Any:
    return value[:, row : row + 1] if tensor.is_map else value


def _agree(whole: np.ndarray, rows: list[np.ndarray]) -> bool:
    """Say whether `rows`, joined, are the whole but for rounding."""
    joined = np.concatenate(rows, axis=1).astype(np.float32)
    whole = whole.astype(np.float32)
    if whole.shape != joined.shape:
        return False
    sizes = np.abs(np.where(np.isfinite(whole), whole, 0)).max(axis=(2, 3), keepdims=True)
    error = np.where(whole == joined, 0, np.abs(whole - joined))
    return bool(
        (np.isnan(whole) == np.isnan(joined)).all() and (np.nan_to_num(error, posinf=np.inf) <= 1e-5 * sizes).all()
    )
