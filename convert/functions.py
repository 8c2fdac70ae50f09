"""Functions that several formats have, in forms that every runtime computes correctly."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from keras import ops


def softplus(x: Any) -> Any:
    """Return log(1 + e^x).

    LiteRT computes `ops.softplus` as that stands here, which is infinite from 89 on; ONNX has no log1p.
    """
    return ops.relu(x) + ops.log(1.0 + ops.exp(-ops.abs(x)))


def added(first: Any, second: Any) -> Any:
    """Return the sum of two tensors or numbers that are broadcast to each other.

    On TensorFlow Keras' own sum takes a second operand with one long axis for the biases of channels, wherever that
    axis is, if its size is that of the first operand's last axis or second one (seen in Keras 3.15); a difference it
    leaves alone. An axis whose size is free may be 1 when the network runs.
    """
    sizes = tuple(getattr(second, "shape", ()))
    if sizes and sizes[-1] == 1 and len([size for size in sizes if size not in (1, None)]) <= 1:
        return ops.subtract(first, ops.negative(second))
    return ops.add(first, second)


def largest(tensors: Sequence[Any]) -> Any:
    """Return the largest of some tensors, element by element.

    By comparing, as Torch7 and Caffe do: with oneDNN TensorFlow takes max(x, c x) for a leaky rectifier, also where c
    is above 1 and it is none.
    """
    return functools.reduce(lambda kept, other: ops.where(other > kept, other, kept), tensors)
