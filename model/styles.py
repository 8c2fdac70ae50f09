"""Networks of several styles: names, blending into a network of one style, adding a style."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import keras
import numpy as np
from keras import ops

from errors import ArgumentError, unknown_name
from layers import ConditionalInstanceNormalization, InstanceNormalization, StyleWeights
from model.rewiring import rewire
from runtimes.styles import normalized_row

# The second input of such a network, float32 (batch, styles): rows are not negative and add up to 1.
STYLE = "style"


def style_names(model: keras.Model) -> tuple[str, ...]:
    """Return the names of a network's styles, in the order of its input `STYLE`; none where it has a single one."""
    found = [layer for layer in model.layers if isinstance(layer, StyleWeights)]
    return tuple(found[0].styles) if found else ()


def weight_row(names: Sequence[str], weights: Mapping[str, float]) -> np.ndarray:
    """Return what the input `STYLE` takes for a blend of styles: float32 (1, styles), adding up to 1.

    Args:
        names: of all styles, in order.
        weights: style -> share in the blend, relative to the others'; styles that are not named have none.

    Raises:
        ArgumentError: a style is unknown, a weight is negative or not finite, or all are 0.
    """
    for name, weight in weights.items():
        if name not in names:
            raise ArgumentError(unknown_name("style", name, names))
        if not (isinstance(weight, Real) and math.isfinite(weight) and weight >= 0):
            raise ArgumentError(f"`style` {name}={weight}: a weight must be a number of at least 0")
    row = [weights.get(name, 0.0) for name in names]
    if not any(row):
        raise ArgumentError("`style`: at least one weight must be above 0")
    return normalized_row(row)


def blend_styles(model: keras.Model, weights: Mapping[str, float]) -> keras.Model:
    """Return the network of a blend of styles: pictures in, pictures out, without the second input.

    Each `ConditionalInstanceNormalization` becomes the `InstanceNormalization` with the weighted mean of the styles'
    factors and offsets; all other layers are shared with `model`.

    Args:
        model: with the inputs "image" and `STYLE`.
        weights: see `weight_row`.

    Raises:
        ArgumentError: see `weight_row`.
    """
    row = weight_row(style_names(model), weights)

    def call(layer: keras.Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, ConditionalInstanceNormalization):
            return _blended(layer, row)(inputs[0])
        return layer(inputs, *args, **kwargs)

    blended = rewire(model, call)
    return keras.Model(blended.inputs[0], blended.outputs[0], name=model.name)


def mean_style(model: keras.Model) -> keras.Model:
    """Return the network of equal shares of a network's styles, see `blend_styles`; one of a single style as it is."""
    names = style_names(model)
    return blend_styles(model, dict.fromkeys(names, 1.0)) if names else model


def _blended(layer: ConditionalInstanceNormalization, row: np.ndarray) -> InstanceNormalization:
    options = {"center": layer.center, "name": layer.name, "dtype": layer.dtype_policy}
    blended = InstanceNormalization(epsilon=layer.epsilon, **options)
    blended.build((None, None, None, layer.gamma.shape[1]))
    blended.set_weights([(row @ values)[0] for values in layer.get_weights()])
    return blended


def append_style(model: keras.Model, name: str, network: keras.Model) -> keras.Model:
    """Return `model` with one style more: that of `network`, a blend of its styles trained further.

    Args:
        model: with the inputs "image" and `STYLE`; the result shares all layers with it but the normalisations.
        name: of the new style, the last one.
        network: of `blend_styles`; nothing but its normalisations has changed since (`freeze_shared`).

    Raises:
        ArgumentError: there is a style of that name.
    """
    names = style_names(model)
    if name in names:
        raise ArgumentError(f"the model already has a style {name!r}; its styles are {', '.join(names)}")
    weights = StyleWeights([*names, name], name="style_weights")

    def call(layer: keras.Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, StyleWeights):
            return weights(inputs)
        if isinstance(layer, ConditionalInstanceNormalization):
            return _extended(layer, network.get_layer(layer.name))(inputs)
        return layer(inputs, *args, **kwargs)

    image = model.inputs[0]
    return rewire(model, call, inputs=[image, keras.Input((len(names) + 1,), name=STYLE)])


def _extended(layer: ConditionalInstanceNormalization, other: keras.Layer) -> ConditionalInstanceNormalization:
    """Return `layer` with the factors and offsets of `other`, an `InstanceNormalization`, in a row more."""
    extended = ConditionalInstanceNormalization.from_config(layer.get_config())
    rows = [np.vstack([old, new]) for old, new in zip(layer.get_weights(), other.get_weights(), strict=True)]
    styles, channels = rows[0].shape
    extended.build([(None, None, None, channels), (None, styles)])
    extended.set_weights(rows)
    return extended


def freeze_shared(network: keras.Model) -> None:
    """Leave nothing of a network trainable but its normalisations: what tells a style from the others."""
    for layer in network.layers:
        layer.trainable = isinstance(layer, InstanceNormalization)


def inputs_in_turn(model: keras.Model, pictures: Any, first: int = 0) -> Any:
    """Return a network's inputs for pictures (batch, height, width, 3) whose styles take turns.

    Args:
        model: of several styles, or of one: its input is `pictures`.
        pictures: of a batch size that is known.
        first: number of the first picture's style.
    """
    count = len(style_names(model))
    if not count:
        return pictures
    numbers = (first + np.arange(pictures.shape[0])) % count
    return [ops.convert_to_tensor(pictures), ops.convert_to_tensor(np.eye(count, dtype=np.float32)[numbers])]
