"""Functions that several formats have, in forms that every runtime computes correctly."""

from __future__ import annotations

from typing import Any

from keras import ops


def softplus(x: Any) -> Any:
    """Return log(1 + e^x).

    LiteRT computes `ops.softplus` as that stands here, which is infinite from 89 on; ONNX has no log1p.
    """
    return ops.relu(x) + ops.log(1.0 + ops.exp(-ops.abs(x)))
