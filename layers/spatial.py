"""Cutting and padding the height and width of pictures whose sizes may be unknown.

Cuts go through `ops.slice` and not through Python's slices: in TensorFlow the gradient of the former is a padding,
that of the latter several times slower, and a cut that lies outside the picture is an error even in a graph.
"""

from __future__ import annotations

from typing import Any

from keras import ops


def crop(inputs: Any, top: Any, left: Any, height: Any, width: Any) -> Any:
    """Return the `height` x `width` pixels of `inputs` (batch, height, width, channels) from (top, left) on."""
    batch, _, _, channels = ops.shape(inputs)
    return ops.slice(inputs, (0, top, left, 0), (batch, height, width, channels))


def take_lines(inputs: Any, axis: int, start: Any, count: int) -> Any:
    """Return `count` rows (axis 1) or columns (axis 2) of `inputs` from `start` on."""
    shape = list(ops.shape(inputs))
    shape[axis] = count
    begin = [0] * len(shape)
    begin[axis] = start
    return ops.slice(inputs, begin, shape)


def pad(inputs: Any, rows: tuple[Any, Any], columns: tuple[Any, Any], value: float = 0.0) -> Any:
    """Return `inputs` with rows (before, after) and columns (before, after) of `value` around it."""
    if all(isinstance(width, int) and width == 0 for width in (*rows, *columns)):
        return inputs
    return ops.pad(inputs, ((0, 0), rows, columns, (0, 0)), constant_values=value)


def divide_up(size: Any, step: int) -> Any:
    """Return `size` / `step` rounded up, of ints or tensors.

    The shorter -(-size // step) becomes wrong in ONNX, which divides integers towards zero.
    """
    return (size + step - 1) // step
