"""The preprocessing and postprocessing around a bare network.

The image contract: float32 RGB in [0, 1], (batch, height, width, 3), in and out, the output of the input's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import keras

from convert.torch7.file.values import LuaTable
from convert.torch7.module import Module
from errors import ArgumentError, UserError, unknown_name
from layers import CropToMatch, PadToMultiple, ReplicationPadding2D, VGGPostprocessing, VGGPreprocessing

ImageIO = Literal["texture-nets", "texture-nets-2016", "fast-neural-style", "none"]

# Modules at the end of a network that change nothing when it is evaluated.
_IDLE = {"nn.TVLoss", "nn.TotalVariation", "nn.Identity", "nn.Copy", "nn.Contiguous", "nn.Sequential"}
_CONVOLUTIONS = {"nn.SpatialConvolution", "cudnn.SpatialConvolution", "nn.SpatialFullConvolution"}
_NORMALIZATIONS = {"nn.InstanceNormalization", "nn.SpatialBatchNormalization", "cudnn.SpatialBatchNormalization"}
# Of what the sides of pictures may have to be multiples: by how much networks make them smaller inside.
_MULTIPLES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
_TRIAL_SIZE = 3 * 128  # a multiple of all, and larger than any shrinkage


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
    both return the latter. A network that works only for multiples of some size gets a picture enlarged at bottom and
    right by its last row and column, and one that shrinks the picture gets it enlarged on all sides; what is then too
    much is cut off. A network that was built for one size stays one for that size.

    Raises:
        ArgumentError: `image_io` is unknown.
        UserError: the network does not make pictures of pictures of that size.
    """
    if image_io == "none":
        return network
    if image_io not in get_args(ImageIO):
        raise ArgumentError(unknown_name("image-io", image_io, ("auto", *get_args(ImageIO))))
    if not _makes_pictures(network):
        raise UserError(f"`image_io` {image_io} is for networks that map 3 channels to 3; use `image_io` none")
    height, width = network.inputs[0].shape[1:3]
    image = keras.Input((height, width, 3), name="image")
    x = VGGPreprocessing()(image) if image_io == "fast-neural-style" else image
    if height is None and width is None:
        x = _enlarge(x, network)
    stylized = VGGPostprocessing()(network(x))
    if any(made is not None and made < given for made, given in zip(stylized.shape[1:3], (height, width), strict=True)):
        raise UserError(
            f"the network makes pictures of {_size(stylized.shape)} of ones of {_size(image.shape)}: give it no fixed "
            "size (`input_shape`), or use `image_io` none"
        )
    return keras.Model(image, CropToMatch()([stylized, image]), name=image_io.replace("-", "_"))


def _size(shape: Sequence[int | None]) -> str:
    return f"{shape[2]} x {shape[1]} pixels"


def _makes_pictures(network: keras.Model) -> bool:
    """Return whether a network turns three channels of a picture into three."""
    if len(network.inputs) > 1 or isinstance(network.output, list):
        return False
    shapes = network.inputs[0].shape, network.output.shape
    return all(len(shape) == 4 for shape in shapes) and shapes[0][-1] in (3, None) and shapes[1][-1] == 3


def _enlarge(pictures: Any, network: keras.Model) -> Any:
    """Return pictures of any size so much larger that a network takes them, and returns all of their pixels."""
    multiple = size_multiple(network)
    if multiple > 1:
        pictures = PadToMultiple(multiple)(pictures)
    lost = max(0, _TRIAL_SIZE - _trial_output(network, 3))
    if lost == 0:
        return pictures
    first, all_of_them = lost // 2, -(-lost // multiple) * multiple
    return ReplicationPadding2D(((first, all_of_them - first),) * 2)(pictures)


def size_multiple(network: keras.Model, channels: int = 3) -> int:
    """Return of what height and width must be multiples, so that branches fit together and no row is left over.

    A network whose poolings or strides leave rows over at other sizes would return fewer than it gets.

    Raises:
        UserError: there is no such number, or the network makes pictures of another size.
    """
    side = _trial_output(network, channels)
    for multiple in _MULTIPLES:
        further = (multiple, 2 * multiple, 3 * multiple)
        sides = (_output_side(network, _TRIAL_SIZE + more, channels) for more in further)
        if all(larger is not None and larger - side >= more for larger, more in zip(sides, further, strict=True)):
            return multiple
    raise UserError(
        f"the network does not take pictures of {_TRIAL_SIZE} to {_TRIAL_SIZE + 3 * _MULTIPLES[-1]} pixels, or returns "
        "smaller ones; use `image_io` none"
    )


def _trial_output(network: keras.Model, channels: int) -> int:
    """Return the output's height for a square picture of _TRIAL_SIZE."""
    side = _output_side(network, _TRIAL_SIZE, channels)
    if side is None or not _TRIAL_SIZE // 2 < side < _TRIAL_SIZE * 3 // 2:
        raise UserError(f"the network returns {side or 'no'} pixels for {_TRIAL_SIZE}; use `image_io` none")
    return side


def _output_side(network: keras.Model, side: int, channels: int) -> int | None:
    """Return the output's height for a square picture, None where the network does not take its size."""
    try:
        return network.compute_output_shape((1, side, side, channels))[1]
    except ValueError:
        return None
