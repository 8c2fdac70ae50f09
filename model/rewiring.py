"""The layers of a network, called in another way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from compat import deep_recursion


def rewire(model: keras.Model, call: Callable[..., Any]) -> keras.Model:
    """Return a model of the same layers, where `call(layer, inputs, ...)` stands for each call `layer(inputs, ...)`.

    Args:
        model: with one input and one output, Functional or Sequential; models within it are rewired too.
        call: returns what takes the place of the layer's output.
    """
    with deep_recursion():
        model = keras.Model(model.inputs[0], model.outputs[0])  # a Sequential model cannot be cloned with other calls
        return keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call, recursive=True)
