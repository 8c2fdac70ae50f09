"""Exact leaky rectifiers in the models of others."""

from __future__ import annotations

from typing import Any

import keras

from compat import flatten_layers
from layers import ExactLeakyReLU
from model.rewiring import rewire

FUSED_SLOPE = 0.2
LEAKY_RELUS = ("LeakyReLU", "LeakyRelu")  # Keras' layer and its operation


def with_exact_slopes(model: keras.Model) -> keras.Model:
    """Return `model`, sharing its other layers, with ExactLeakyReLU in place of Keras' leaky rectifiers.

    Those with TensorFlow's own slope of 0.2 stay, and those within Sequential models in the model.

    Args:
        model: Functional or Sequential; where there is nothing to do it is returned itself.
    """
    parts = (operation for part in (model, *flatten_layers(model)) for operation in getattr(part, "operations", ()))
    if not any(map(_is_leaky, parts)):
        return model

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_leaky(layer):
            return ExactLeakyReLU(layer.negative_slope, name=layer.name, dtype=_policy(layer))(args[0])
        return layer(*args, **kwargs)

    return rewire(model, call)


def _is_leaky(layer: Any) -> bool:
    return type(layer).__name__ in LEAKY_RELUS and layer.negative_slope not in (0, FUSED_SLOPE)


def _policy(layer: Any) -> Any:
    """Return the types of a layer; an operation takes what comes."""
    return getattr(layer, "dtype_policy", None)
