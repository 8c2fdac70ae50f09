"""The objective of a training run: descriptor, style targets and weights put together from the settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from errors import ArgumentError
from images.reading import read_image
from images.resizing import resize_long_side
from losses.gram import gram_matrix
from losses.perceptual import PerceptualLoss, PerceptualWeights
from losses.pyramid import gaussian_pyramid, pyramid_sizes
from losses.total_variation import total_variation
from model.descriptor import build_descriptor
from model.vgg19 import smallest_input
from pipelines.descriptor_weights import descriptor_weights
from pipelines.training.settings import TrainingSettings

# Half precision for the descriptor as a whole: its weights never change, so they need no float32 copy.
DESCRIPTOR_DTYPES = {"float32": "float32", "bfloat16": "bfloat16"}


def build_objective(settings: TrainingSettings) -> PerceptualLoss:
    """Build the loss that `settings` ask for, with the targets of the style picture.

    In texture mode the generated picture repeats without a seam, so the descriptor wraps around it; the source,
    which does not repeat, is described without padding.

    Raises:
        ArgumentError: pictures are too small for the layers.
        UserError: the style picture or the weights cannot be read.
    """
    style = _style_picture(settings)
    generated, source = _paddings(settings)
    _check_sizes(settings, style, generated, source)
    descriptor = _descriptor(settings, _layers(settings), generated)
    same = descriptor if source == generated else _descriptor(settings, settings.style_layers, source)
    padding = ("circular", "circular") if settings.mode == "texture" else ("replicate", "replicate")
    return PerceptualLoss(
        descriptor,
        _content_descriptor(settings, descriptor),
        style_targets=_style_targets(settings, same, style),
        layer_weights=settings.layer_weights,
        style_variation=_variation(style),
        weights=PerceptualWeights(
            style=settings.style_weight,
            content=settings.content_weight if settings.mode == "style" else 0.0,
            total_variation=settings.tv_weight,
            diversity=settings.diversity_weight,
            octave_decay=settings.pyramid_decay,
        ),
        scaling=settings.loss_scaling,
        padding=padding,
    )


def _style_picture(settings: TrainingSettings) -> np.ndarray:
    picture = read_image(settings.style_image)
    if settings.style_size:
        picture = resize_long_side(picture, settings.style_size)
    return picture.pixels[np.newaxis]


def _paddings(settings: TrainingSettings) -> tuple[str, str]:
    """Return the descriptor's padding for generated pictures and for the style picture."""
    if settings.vgg_no_pad:
        return "valid", "valid"
    return ("circular", "valid") if settings.mode == "texture" else ("same", "same")


def _layers(settings: TrainingSettings) -> tuple[str, ...]:
    content = settings.content_layers if settings.mode == "style" else ()
    return tuple(dict.fromkeys((*settings.style_layers, *content)))


def _check_sizes(settings: TrainingSettings, style: np.ndarray, generated: str, source: str) -> None:
    """Raise ArgumentError where the smallest octave has no activation left at some layer."""
    size = settings.image_size
    wanted = {
        f"--image-size {size}": ((size, size), _layers(settings), generated),
        f"--style-image of {style.shape[2]} x {style.shape[1]}": (style.shape[1:3], settings.style_layers, source),
    }
    for name, (sides, layers, padding) in wanted.items():
        least = max(smallest_input(layers, padding))
        smallest = min(pyramid_sizes(side, settings.pyramid_loss, "replicate")[-1] for side in sides)
        if smallest < least:
            octaves = f" in octave {settings.pyramid_loss}" if settings.pyramid_loss > 1 else ""
            raise ArgumentError(f"{name}: {smallest} pixels{octaves}, the layers need at least {least}")


def _descriptor(settings: TrainingSettings, layers: Sequence[str], padding: str) -> keras.Model:
    return build_descriptor(
        layers,
        weights=descriptor_weights(settings.weights),
        data_dir=settings.data_dir,
        padding=padding,
        dtype=DESCRIPTOR_DTYPES[settings.precision],
    )


def _content_descriptor(settings: TrainingSettings, descriptor: keras.Model) -> keras.Model | None:
    """Return the part of `descriptor` that the content layers need: the same weights, cut at the deepest one."""
    if settings.mode != "style":
        return None
    outputs = {name: descriptor.output[name] for name in settings.content_layers}
    return keras.Model(descriptor.inputs, outputs, name="content_descriptor")


def _style_targets(settings: TrainingSettings, descriptor: keras.Model, style: np.ndarray) -> list[dict[str, Any]]:
    """Return {layer: Gram matrix} of each octave of the style picture."""
    levels = gaussian_pyramid(ops.convert_to_tensor(style), settings.pyramid_loss, ("replicate", "replicate"))
    described = [descriptor(level) for level in levels]
    return [
        {layer: ops.convert_to_numpy(gram_matrix(features[layer]))[0] for layer in settings.style_layers}
        for features in described
    ]


def _variation(style: np.ndarray) -> float:
    # A plain picture has none: the term is then relative to one level of 8 bits.
    return max(float(ops.convert_to_numpy(total_variation(ops.convert_to_tensor(style)))), 255.0**-2)
