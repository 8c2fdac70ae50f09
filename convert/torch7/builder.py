"""Builds a Keras model from the module tree of a Torch7 file, module by module through the registry.

The architecture is read from the file and never assumed: each module's own fields decide what it becomes.
"""

from __future__ import annotations

from typing import Any

import keras

import convert.torch7.converters  # noqa: F401  registers the converters
from compat import deep_recursion
from convert.torch7.context import ChannelMismatch, Context
from convert.torch7.module import Module
from convert.torch7.pooling_ties import unpooled_keys
from convert.torch7.symbolic_values import Cell, Value
from errors import UserError


def build_model(root: Module) -> tuple[keras.Model, Context]:
    """Return the network of `root` as a Keras model, and what its conversion used.

    Four-dimensional tensors are (batch, height, width, channels) where Torch7 has (batch, channels, height,
    width); a table as output becomes a flat list. Batch size, height and width are free.

    Raises:
        UserError: the network cannot be converted; the message says which module is the reason.
    """
    channels = None
    for _ in range(3):
        try:
            return _build_with(root, channels)
        except ChannelMismatch as mismatch:
            shift = mismatch.needed if mismatch.found is None else mismatch.needed - mismatch.found
            channels = (channels or 0) + shift
            problem = mismatch
        if channels <= 0:
            break
    raise UserError(f"cannot tell the number of input channels: {problem}")


def _build_with(root: Module, channels: int | None) -> tuple[keras.Model, Context]:
    context = Context(unpooled_keys(root.source))
    inputs = keras.Input((None, None, channels), name="image")
    outputs = _outputs(root, context.convert(root, Cell(inputs)))
    if outputs is inputs:
        outputs = keras.layers.Identity()(inputs)
    with deep_recursion():
        model = keras.Model(inputs, outputs, name="network")
    for module in context.modules.values():
        module.check_all_read()
    return model, context


def _outputs(root: Module, value: Value) -> Any:
    """Return the tensor, or the list of tensors of a table; tables in a table are taken apart."""
    if isinstance(value, Cell):
        return value.tensor
    return [cell.tensor for cell in root.leaves(value)]
