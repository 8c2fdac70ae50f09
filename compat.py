"""Private interfaces of libraries, each in this one place; tests/test_compat.py names the versions that have them."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def flatten_layers(model: keras.Model) -> list[keras.Layer]:
    """Return all layers of a Keras model, those within layers and models too, without the model itself."""
    return model._flatten_layers(include_self=False)


def tflite_schema() -> ModuleType:
    """Return TensorFlow's classes for what a `.tflite` file holds, made from the format's own schema."""
    from tensorflow.lite.python import schema_py_generated

    return schema_py_generated


def tflite_flatbuffers() -> ModuleType:
    """Return TensorFlow's reader of `.tflite` files into the classes of `tflite_schema`."""
    from tensorflow.lite.tools import flatbuffer_utils

    return flatbuffer_utils
