"""The values of pictures that programs take and return."""

from __future__ import annotations

from collections.abc import Callable

import keras

from convert.picture_contract import makes_pictures, wrap_pictures
from convert.pytorch.picture_values import byte_values, imagenet_values, signed_values
from errors import ArgumentError, unknown_name

Layers = tuple[keras.layers.Layer | None, keras.layers.Layer | None]


# RGB in [0, 1], in [-1, 1], in [0, 255], and of the mean and deviation of ImageNet.
CONVENTIONS: dict[str, Callable[[], Layers]] = {
    "unit": lambda: (None, None),
    "signed": signed_values,
    "byte": byte_values,
    "imagenet": imagenet_values,
}
# Operations whose range tells the convention of a network that ends with them.
_ENDS = {"Tanh": "signed", "Sigmoid": "unit"}


def detect_convention(network: keras.Model) -> tuple[str, str]:
    """Return the convention that a network most likely follows, and why."""
    if not makes_pictures(network):
        return "none", "it does not map one picture of 3 channels to another"
    end = type(network.outputs[0]._keras_history.operation).__name__
    if end not in _ENDS:
        return "none", "its end does not tell the values of its pictures"
    return _ENDS[end], f"it ends with {end.lower()}"


def wrap_program(network: keras.Model, image_io: str) -> keras.Model:
    """Return a model that meets the image contract around a bare network; `none` returns the network itself.

    Raises:
        ArgumentError: `image_io` is unknown.
        UserError: the network does not make pictures of pictures of that size.
    """
    if image_io == "none":
        return network
    if image_io not in CONVENTIONS:
        raise ArgumentError(unknown_name("`image_io`", image_io, ("auto", *CONVENTIONS, "none")))
    return wrap_pictures(network, image_io, *CONVENTIONS[image_io]())
