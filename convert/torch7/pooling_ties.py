"""Finding the pooling modules whose indices a later nn.SpatialMaxUnpooling uses."""

from __future__ import annotations

from typing import Any

from convert.torch7.file.values import TorchObject, TorchTensor
from convert.torch7.file.walking import walk


def unpooled_keys(root: TorchObject) -> set[Any]:
    """Return what the unpooling modules below `root` point at: their pooling modules and those modules' indices."""
    unpoolings = (item for item in walk(root) if isinstance(item, TorchObject))
    return {
        key
        for module in unpoolings
        if module.type_name.endswith("MaxUnpooling")
        for key in pooling_keys(module.get("pooling"))
    }


def pooling_keys(pooling: Any) -> list[Any]:
    """Return what identifies a pooling module: itself and, since deep copies lose that tie, its tensor of indices."""
    if not isinstance(pooling, TorchObject):
        return []
    indices = pooling.get("indices")
    return [pooling, indices] if isinstance(indices, TorchTensor) else [pooling]
