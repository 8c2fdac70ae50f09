"""Rebuilding a network of the same layers, with each call of a layer replaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from compat import deep_recursion


def rewire(model: keras.Model, call: Callable[..., Any], *, inputs: Sequence[Any] | None = None) -> keras.Model:
    """Return a model of the same layers, where `call(layer, inputs, ...)` stands for each call `layer(inputs, ...)`.

    Args:
        model: Functional or Sequential; models within it are rewired too. The result takes its inputs and returns its
            outputs as lists, where there are several.
        call: returns what takes the place of the layer's output.
        inputs: in place of the model's own.
    """
    with deep_recursion():
        model = without_structure(model)  # a Sequential model cannot be cloned with other calls
        return keras.models.clone_model(
            model,
            input_tensors=None if inputs is None else list(inputs),
            clone_function=lambda layer: layer,
            call_function=call,
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
