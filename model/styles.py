"""Networks of several styles: their names, and one network of a blend of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from errors import ArgumentError, unknown_name
from layers import ConditionalInstanceNormalization, InstanceNormalization, StyleWeights
from model.rewiring import rewire

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
        if not (np.isfinite(weight) and weight >= 0):
            raise ArgumentError(f"`style` {name}={weight:g}: a weight must be a number of at least 0")
    row = np.asarray([[weights.get(name, 0.0) for name in names]], np.float32)
    if not row.sum() > 0:
        raise ArgumentError("`style`: at least one weight must be above 0")
    return row / row.sum()


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


def _blended(layer: ConditionalInstanceNormalization, row: np.ndarray) -> InstanceNormalization:
    options = {"center": layer.center, "name": layer.name, "dtype": layer.dtype_policy}
    blended = InstanceNormalization(epsilon=layer.epsilon, **options)
    blended.build((None, None, None, layer.gamma.shape[1]))
    blended.set_weights([(row @ values)[0] for values in layer.get_weights()])
    return blended


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
