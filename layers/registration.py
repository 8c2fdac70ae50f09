"""The registration of the layers with Keras, under which saved models find them."""

from __future__ import annotations

from typing import TypeVar

import keras

# Keras names the package in its message when a model is loaded before its layers are registered.
PACKAGE = "texture_nets (import layers)"
# What files of version 0 say.
OLD_PACKAGE = "texture_nets"

C = TypeVar("C", bound=type)


def registered(layer: C) -> C:
    """Register a class for saving, by PACKAGE, and for loading, by OLD_PACKAGE too."""
    keras.saving.get_custom_objects()[f"{OLD_PACKAGE}>{layer.__name__}"] = layer
    return keras.saving.register_keras_serializable(package=PACKAGE)(layer)
