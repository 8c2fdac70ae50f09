"""Rebuilding a network of the same layers, with each call of a layer replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from compat import deep_recursion, name_new_apart


def rewire(model: keras.Model, call: Callable[..., Any], *, inputs: Sequence[Any] | None = None) -> keras.Model:
    """Return a model of the same layers, where `call(layer, inputs, ...)` stands for each call `layer(inputs, ...)`.

    Args:
        model: Functional or Sequential; models within it are rewired too. The result takes its inputs and returns its
            outputs as lists, where there are several.
        call: returns what takes the place of the layer's output.
        inputs: in place of the model's own.
    """
    # Keras gives new operations names of its own, such as conv2d_1, and takes no two of one name.
    taken = {layer.name: id(layer) for layer in model._flatten_layers()}

    def call_apart(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        result = call(layer, *args, **kwargs)
        taken.pop(layer.name, None)  # what stands in the layer's place may have its name
        name_new_apart(keras.tree.flatten(result), keras.tree.flatten((args, kwargs)), taken)
        return result

    with deep_recursion():
        model = without_structure(model)  # a Sequential model cannot be cloned with other calls
        taken |= {operation.name: id(operation) for operation in model.operations}
        return keras.models.clone_model(
            model,
            input_tensors=None if inputs is None else list(inputs),
            clone_function=lambda layer: layer,
            call_function=call_apart,
            recursive=True,
        )


def without_structure(model: keras.Model) -> keras.Model:
    """Return a Functional model of the same layers, whose inputs and outputs are lists, or one tensor where one is all.

    Args:
        model: Functional or Sequential.
    """
    inputs, outputs = (tensors if len(tensors) > 1 else tensors[0] for tensors in (model.inputs, model.outputs))
    with deep_recursion():
        return keras.Model(inputs, outputs)
