"""The texture networks of 2016 (Ulyanov et al., 1603.03417): noise to a texture, a picture and noise to another.

Their nn.GenNoise writes uniform noise over all channels of each scale's input (textures), or over those after a
picture's three (styles, which take the picture twice). They return BGR in 0..255 minus the mean pixel of VGG.
"""

from __future__ import annotations

from typing import Any

import keras

from convert.torch7.builder import BuildOptions
from convert.torch7.network import Conversion, convert_network
from errors import UserError
from layers import CropToMatch, PadToMultiple, VGGPostprocessing

TRIAL_SIZE = 256  # pixels; a multiple of every scale's factor
CHANNELS = 3


def is_texture_network(conversion: Conversion) -> bool:
    """Return whether a network is one that makes pictures with nn.GenNoise."""
    types = {module.type_name for module in conversion.modules}
    output = conversion.model.output
    return "nn.GenNoise" in types and not isinstance(output, list) and output.shape[-1] == CHANNELS


def makes_textures(conversion: Conversion) -> bool:
    """Return whether nothing of a network's input reaches its output: it makes textures of noise."""
    return conversion.model.inputs[0].shape[-1] == CHANNELS


def style_model(network: keras.Model, multiple: int) -> keras.Model:
    """Return a model under the image contract around a network that takes a picture twice.

    Args:
        network: the bare network, with noise from seeds.
        multiple: what height and width must be multiples of.
    """
    image = keras.Input((None, None, CHANNELS), name="image")
    x = PadToMultiple(multiple)(image) if multiple > 1 else image
    stylized = VGGPostprocessing()(network(keras.ops.concatenate([x, x], axis=-1)))
    return keras.Model(image, CropToMatch()([stylized, image]), name="texture_nets_2016")


def texture_model(value: Any, options: BuildOptions, entry: str | None) -> keras.Model:
    """Return a texture generator: uniform noise (batch, height, width, depth) in, RGB pictures in [0, 1] out.

    Each scale takes three planes of the noise, every pixel of the finest scale, every second of the next, and so on.
    Height and width must be multiples of the coarsest scale's factor.

    Args:
        value: what the file holds.
        options: how to build the network.
        entry: where it stands in the file.
    """
    factors = _scale_factors(value, options, entry)
    network = convert_network(value, _with_inputs(options, ()), entry=entry).model
    noise = keras.Input((None, None, CHANNELS * len(factors)), name="noise")
    planes = [noise[:, ::factor, ::factor, CHANNELS * i : CHANNELS * (i + 1)] for i, factor in enumerate(factors)]
    picture = VGGPostprocessing()(network([noise[..., :CHANNELS], *planes]))
    return keras.Model(noise, picture, name="texture_nets_2016")


def _with_inputs(options: BuildOptions, shapes: tuple) -> BuildOptions:
    return BuildOptions(shapes, batch=True, noise="input", statistics=options.statistics)


def _scale_factors(value: Any, options: BuildOptions, entry: str | None) -> list[int]:
    """Return by how much each noise is smaller than the picture, from a trial of known size."""
    shapes = ((None, CHANNELS, TRIAL_SIZE, TRIAL_SIZE),)
    trial = convert_network(value, _with_inputs(options, shapes), entry=entry).model
    noises = [tensor for tensor in trial.inputs if tensor.name.startswith("noise")]
    if any(tensor.shape[-1] != CHANNELS or TRIAL_SIZE % tensor.shape[1] for tensor in noises):
        raise UserError("the network's noise is not that of a texture network; use `image_io` none")
    return [TRIAL_SIZE // tensor.shape[1] for tensor in noises]
