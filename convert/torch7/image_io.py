"""The values that networks of known programs take and return, and the layers that make pictures of them."""

from __future__ import annotations

from typing import Any, Literal, get_args

import keras

from convert.picture_contract import wrap_pictures
from convert.torch7.file.values import LuaTable
from convert.torch7.module import Module
from errors import ArgumentError, UserError, unknown_name
from layers import VGGPostprocessing, VGGPreprocessing

ImageIO = Literal["texture-nets", "texture-nets-2016", "fast-neural-style", "none"]

# Modules at the end of a network that change nothing when it is evaluated.
_IDLE = {"nn.TVLoss", "nn.TotalVariation", "nn.Identity", "nn.Copy", "nn.Contiguous", "nn.Sequential"}
_CONVOLUTIONS = {"nn.SpatialConvolution", "cudnn.SpatialConvolution", "nn.SpatialFullConvolution"}
_NORMALIZATIONS = {"nn.InstanceNormalization", "nn.SpatialBatchNormalization", "cudnn.SpatialBatchNormalization"}


def detect_image_io(value: Any, model: keras.Model, modules: list[Module]) -> tuple[ImageIO, str]:
    """Return the convention that a network follows and the reason.

    Args:
        value: what the file holds.
        model: the bare network.
        modules: its modules in the order in which they run.
    """
    if len(model.inputs) > 1 or isinstance(model.output, list) or len(model.output.shape) != 4:
        return "none", "it does not map one picture to one picture"
    if "nn.GenNoise" in {module.type_name for module in modules} and model.output.shape[-1] == 3:
        return "texture-nets-2016", "it generates noise with nn.GenNoise, like the texture networks of 2016"
    if len(model.input.shape) != 4 or not model.input.shape[-1] == model.output.shape[-1] == 3:
        return "none", "it does not map 3 channels to 3 channels"
    ending = [module.type_name for module in modules if module.type_name not in _IDLE][-2:]
    if ending == ["nn.Tanh", "nn.MulConstant"]:
        preprocessing = _preprocessing_option(value)
        if preprocessing not in (None, "vgg"):
            raise UserError(f"fast-neural-style's preprocessing {preprocessing!r} is unknown; use `image_io` none")
        return "fast-neural-style", "it ends in nn.Tanh and nn.MulConstant, like the networks of fast-neural-style"
    types = {module.type_name for module in modules}
    if "nn.TVLoss" in types or (ending and ending[-1] in _CONVOLUTIONS and types & _NORMALIZATIONS):
        return "texture-nets", "it ends in a convolution or nn.TVLoss, like the generators of texture_nets"
    return "none", f"its end, {' '.join(ending)}, is not that of a known style-transfer network"


def _preprocessing_option(value: Any) -> Any:
    """Return the option `preprocessing` of a fast-neural-style checkpoint, None where the file has none."""
    options = value.get("opt") if isinstance(value, LuaTable) else None
    return options.get("preprocessing") if isinstance(options, LuaTable) else None


def wrap_network(network: keras.Model, image_io: ImageIO) -> keras.Model:
    """Return a model that meets the image contract around a bare network; `none` returns the network itself.

    `texture-nets` networks take RGB in [0, 1], `fast-neural-style` ones BGR in 0..255 minus the mean pixel of VGG;
    both return the latter.

    Raises:
        ArgumentError: `image_io` is unknown.
        UserError: the network does not make pictures of pictures of that size.
    """
    if image_io == "none":
        return network
    if image_io not in get_args(ImageIO):
        raise ArgumentError(unknown_name("image-io", image_io, ("auto", *get_args(ImageIO))))
    before = VGGPreprocessing() if image_io == "fast-neural-style" else None
    return wrap_pictures(network, image_io, before, VGGPostprocessing())
