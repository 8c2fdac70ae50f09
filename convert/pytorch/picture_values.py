"""The values that networks of PyTorch take and return as pictures, and the layers to them and back."""

from __future__ import annotations

import keras

Layers = tuple[keras.layers.Layer, keras.layers.Layer]

# torchvision's mean pixel and standard deviation: red, green, blue, in [0, 1].
TORCH_MEAN = (0.485, 0.456, 0.406)
TORCH_DEVIATION = (0.229, 0.224, 0.225)


def signed_values() -> Layers:
    """Return the layers from [0, 1] to [-1, 1] and back."""
    before = keras.layers.Rescaling(2.0, offset=-1.0, name="to_minus_1_to_1")
    return before, keras.layers.Rescaling(0.5, offset=0.5, name="to_0_to_1")


def byte_values() -> Layers:
    """Return the layers from [0, 1] to [0, 255] and back."""
    return keras.layers.Rescaling(255.0, name="to_255"), keras.layers.Rescaling(1 / 255.0, name="from_255")


def imagenet_values() -> Layers:
    """Return the layers from [0, 1] to pixels of ImageNet's mean and deviation and back."""
    factors = [1 / deviation for deviation in TORCH_DEVIATION]
    offsets = [-mean / deviation for mean, deviation in zip(TORCH_MEAN, TORCH_DEVIATION, strict=True)]
    before = keras.layers.Rescaling(factors, offsets, name="to_unit_variance")
    return before, keras.layers.Rescaling(list(TORCH_DEVIATION), list(TORCH_MEAN), name="from_unit_variance")
