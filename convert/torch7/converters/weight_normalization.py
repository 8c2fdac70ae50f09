"""nn.WeightNorm: a module whose weight is a direction and a length."""

from __future__ import annotations

import numpy as np

from convert.torch7.context import Context
from convert.torch7.file.values import LuaTable, TorchObject, TorchTensor
from convert.torch7.module import Module
from convert.torch7.registry import converts_values
from convert.torch7.symbolic_values import Value

TINY = 1e-4  # Torch7's source says 10e-5


@converts_values("nn.WeightNorm")
def weight_norm(module: Module, value: Value, context: Context) -> Value:
    """The module inside with the weight g v / sqrt(|v|^2 + 1e-4); the file leaves its weight out."""
    module.array("bias")
    module.ignore("weight", "gradV", "gradG")
    (child, *_) = module.children()
    weight = _weight(module).astype(np.float32)
    fields = LuaTable({**child.source.fields, "weight": TorchTensor("torch.FloatTensor", weight, size=weight.shape)})
    key = context.substitute(child.source, lambda: TorchObject(child.type_name, fields, child.source.version))
    return context.convert(Module(key, child.path), value)


def _weight(module: Module) -> np.ndarray:
    """Return the weight in its own shape: v has the outputs first, wherever they belong."""
    direction, length = (module.required_array(name).astype(np.float64) for name in ("v", "g"))
    shape = module.sizes("weightSize")
    dimension = module.integer("outputDim", 1, low=1, high=len(shape)) - 1
    count = shape[dimension]
    if direction.size != np.prod(shape) or length.size != count:
        raise module.fail(f"v of shape {direction.shape} and g of shape {length.shape} for a weight {shape}")
    direction = direction.reshape(count, -1)
    scale = length.reshape(-1, 1) / np.sqrt(np.sum(direction**2, axis=1, keepdims=True) + TINY)
    others = [size for i, size in enumerate(shape) if i != dimension]
    return np.ascontiguousarray(np.moveaxis((direction * scale).reshape(count, *others), 0, dimension))
