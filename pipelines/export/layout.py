"""Transposing the inputs and outputs of a model to channels first."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from compat import name_apart
from model.rewiring import without_structure
from pipelines.export.plan import output_names, output_structure

# Ranks of what has channels: pictures and volumes.
CHANNELS_LAST_RANKS = (4, 5)


def channels_first(model: keras.Model) -> keras.Model:
    """Return `model` with the channels of pictures and volumes first at its borders, all else as it is."""
    inputs = [_channels_first_input(tensor) for tensor in model.inputs]
    given = [_permuted(tensor, (*range(2, len(tensor.shape)), 1)) for tensor in inputs]
    flat = without_structure(model)
    results = keras.tree.flatten(flat(given if len(given) > 1 else given[0]))
    # Keras takes no two operations of one name: an output that is an input has its name.
    is_dict = isinstance(output_structure(model), Mapping)
    names = output_names(model, () if is_dict else [tensor.name for tensor in inputs])
    layer_names = (None,) * len(names) if is_dict else names
    outputs = [
        _permuted(tensor, (len(tensor.shape) - 1, *range(1, len(tensor.shape) - 1)), name=name)
        for name, tensor in zip(layer_names, results, strict=True)
    ]
    name_apart(outputs)
    whole = inputs if len(inputs) > 1 else inputs[0]
    if is_dict:
        return keras.Model(whole, dict(zip(names, outputs, strict=True)))
    return keras.Model(whole, outputs if len(outputs) > 1 else outputs[0])


def _channels_first_input(tensor: keras.KerasTensor) -> keras.KerasTensor:
    shape = tuple(tensor.shape)
    if len(shape) in CHANNELS_LAST_RANKS:
        shape = (shape[0], shape[-1], *shape[1:-1])
    return keras.Input(batch_shape=shape, dtype=tensor.dtype, name=tensor.name)


def _permuted(tensor: keras.KerasTensor, axes: tuple[int, ...], *, name: str | None = None) -> keras.KerasTensor:
    """Return pictures and volumes with their axes after the batch in another order; others as they are."""
    if len(tensor.shape) in CHANNELS_LAST_RANKS:
        return keras.layers.Permute(axes, name=name)(tensor)
    return keras.layers.Identity(name=name)(tensor)
