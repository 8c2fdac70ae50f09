"""The objective of a training run: descriptor, style targets and weights put together from the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from describe.gram import gram_matrix
from errors import ArgumentError
from losses.perceptual import PerceptualLoss, PerceptualWeights
from losses.pyramid import PyramidPadding, gaussian_pyramid, pyramid_sizes
from losses.total_variation import total_variation
from model.descriptor import build_descriptor
from model.padded_convolution import PaddingMode
from model.vgg19 import smallest_input
from pipelines.descriptor_weights import descriptor_weights
from pipelines.training.plan import ObjectivePlan

# Half precision for the descriptor as a whole: its weights never change, so they need no float32 copy.
DESCRIPTOR_DTYPES = {"float32": "float32", "bfloat16": "bfloat16"}


def build_objective(plan: ObjectivePlan, style: np.ndarray) -> PerceptualLoss:
    """Build the loss of a plan, with the targets of the style picture, float32 (height, width, 3) in [0, 1].

    In texture mode the generated picture repeats without a seam, so the descriptor wraps around it; the source,
    which does not repeat, is described without padding.

    Raises:
        ArgumentError: pictures are too small for the layers.
        UserError: the weights cannot be read.
    """
    style = style[np.newaxis]
    generated, source = _paddings(plan)
    _check_sizes(plan, style, generated, source)
    descriptor = _descriptor(plan, _layers(plan), generated)
    same = descriptor if source == generated else _descriptor(plan, plan.style_layers, source)
    padding: PyramidPadding = ("circular", "circular") if plan.mode == "texture" else ("replicate", "replicate")
    return PerceptualLoss(
        descriptor,
        _content_descriptor(plan, descriptor),
        style_targets=_style_targets(plan, same, style),
        layer_weights=plan.layer_weights,
        style_variation=_variation(style),
        weights=PerceptualWeights(
            style=plan.style_weight,
            content=plan.content_weight if plan.mode == "style" else 0.0,
            total_variation=plan.tv_weight,
            diversity=plan.diversity_weight,
            octave_decay=plan.octave_decay,
        ),
        scaling=plan.loss_scaling,
        padding=padding,
    )


def _paddings(plan: ObjectivePlan) -> tuple[PaddingMode, PaddingMode]:
    """Return the descriptor's padding for generated pictures and for the style picture."""
    if plan.vgg_no_pad:
        return "valid", "valid"
    return ("circular", "valid") if plan.mode == "texture" else ("same", "same")


def _layers(plan: ObjectivePlan) -> tuple[str, ...]:
    content = plan.content_layers if plan.mode == "style" else ()
    return tuple(dict.fromkeys((*plan.style_layers, *content)))


def _check_sizes(plan: ObjectivePlan, style: np.ndarray, generated: PaddingMode, source: PaddingMode) -> None:
    """Raise ArgumentError where the smallest octave has no activation left at some layer."""
    size = plan.image_size
    wanted: dict[str, tuple[tuple[int, ...], tuple[str, ...], PaddingMode]] = {
        f"`image_size` {size}": ((size, size), _layers(plan), generated),
        f"`style_image` of {style.shape[2]} x {style.shape[1]}": (style.shape[1:3], plan.style_layers, source),
    }
    for name, (sides, layers, padding) in wanted.items():
        least = max(smallest_input(layers, padding))
        smallest = min(pyramid_sizes(side, plan.octaves, "replicate")[-1] for side in sides)
        if smallest < least:
            octaves = f" in octave {plan.octaves}" if plan.octaves > 1 else ""
            raise ArgumentError(f"{name}: {smallest} pixels{octaves}, the layers need at least {least}")


def _descriptor(plan: ObjectivePlan, layers: Sequence[str], padding: PaddingMode) -> keras.Model:
    return build_descriptor(
        layers,
        weights=descriptor_weights(plan.weights),
        data_dir=plan.data_dir,
        padding=padding,
        dtype=DESCRIPTOR_DTYPES[plan.precision],
    )


def _content_descriptor(plan: ObjectivePlan, descriptor: keras.Model) -> keras.Model | None:
    """Return the part of `descriptor` that the content layers need: the same weights, cut at the deepest one."""
    if plan.mode != "style":
        return None
    outputs = {name: descriptor.output[name] for name in plan.content_layers}
    return keras.Model(descriptor.inputs, outputs, name="content_descriptor")


def _style_targets(plan: ObjectivePlan, descriptor: keras.Model, style: np.ndarray) -> list[dict[str, Any]]:
    """Return {layer: Gram matrix} of each octave of the style picture."""
    levels = gaussian_pyramid(ops.convert_to_tensor(style), plan.octaves, ("replicate", "replicate"))
    described = [descriptor(level) for level in levels]
    return [
        {layer: ops.convert_to_numpy(gram_matrix(features[layer]))[0] for layer in plan.style_layers}
        for features in described
    ]


def _variation(style: np.ndarray) -> float:
    # A plain picture has none: the term is then relative to one level of 8 bits.
    return max(float(ops.convert_to_numpy(total_variation(ops.convert_to_tensor(style)))), 255.0**-2)
