"""The values of pictures that programs take and return."""

from __future__ import annotations

from collections.abc import Callable

import keras

from convert.picture_contract import makes_pictures, wrap_pictures
from convert.pytorch.architectures.vgg import TORCH_DEVIATION, TORCH_MEAN
from errors import ArgumentError, unknown_name

Layers = tuple[keras.layers.Layer | None, keras.layers.Layer | None]


def _imagenet() -> Layers:
    factors = [1 / deviation for deviation in TORCH_DEVIATION]
    offsets = [-mean / deviation for mean, deviation in zip(TORCH_MEAN, TORCH_DEVIATION, strict=True)]
    before = keras.layers.Rescaling(factors, offsets, name="to_unit_variance")
    return before, keras.layers.Rescaling(list(TORCH_DEVIATION), list(TORCH_MEAN), name="from_unit_variance")


def _signed() -> Layers:
    before = keras.layers.Rescaling(2.0, offset=-1.0, name="to_minus_1_to_1")
    return before, keras.layers.Rescaling(0.5, offset=0.5, name="to_0_to_1")


def _byte() -> Layers:
    return keras.layers.Rescaling(255.0, name="to_255"), keras.layers.Rescaling(1 / 255.0, name="from_255")


# RGB in [0, 1], in [-1, 1], in [0, 255], and of the mean and deviation of ImageNet.
CONVENTIONS: dict[str, Callable[[], Layers]] = {
    "unit": lambda: (None, None),
    "signed": _signed,
    "byte": _byte,
    "imagenet": _imagenet,
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
