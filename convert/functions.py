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


def largest(tensors: Sequence[Any]) -> Any:
    """Return the largest of some tensors, element by element.

    By comparing, as Torch7 and Caffe do: with oneDNN TensorFlow takes max(x, c x) for a leaky rectifier, also where c
    is above 1 and it is none.
    """
    return functools.reduce(lambda kept, other: ops.where(other > kept, other, kept), tensors)
