"""Gatys' normalised VGG: weights scaled so that every filter is active by 1 on average."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from compat import name_apart
from errors import UserError

# By how much of a layer's largest activation its activations may differ from the original's, for rounding.
_TOLERANCE = 1e-3


def normalize_activations(model: keras.Model, photos: Iterable[np.ndarray]) -> keras.Model:
    """Return a copy of `model` whose filters' mean activation over `photos` and positions is 1.

    Each convolution's filters are divided by their mean activation (after rectification), and the next
    convolution multiplies its input channels by the same numbers: every activation becomes the original's
    divided by its filter's mean, and the function is otherwise the same. A filter that is never active in the
    photos keeps its size.

    Gatys, Ecker & Bethge 2015, "Texture Synthesis Using Convolutional Neural Networks". The means belong to the
    pooling that `model` has: with another one the function is preserved all the same, but means are not 1.

    Args:
        model: a chain of Conv2D, rectification and pooling in float32, such as the VGG-19 descriptor or a
            converted Caffe network cut before its fully connected layers.
        photos: (height, width, channels) each, of any size, as the model expects its input; read once.

    Raises:
        UserError: there are no photos, or the model is no such chain.
    """
    photos = iter(photos)
    first = next(photos, None)
    if first is None:
        raise UserError("there are no photos to normalise activations with")
    means = mean_activations(model, itertools.chain([first], photos))
    normalized = keras.models.clone_model(model)
    normalized.set_weights(model.get_weights())
    divide_activations(normalized, means)
    _check_preserved(model, normalized, means, first)
    return normalized


def mean_activations(model: keras.Model, photos: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """Return each convolution's mean rectified activation, (filters,) by layer name.

    The mean is taken over positions and over photos, which count by their number of pixels.

    Args:
        model: whose layers' outputs are looked at.
        photos: (height, width, channels) each, at least one, as the model expects its input.
    """
    outputs = {layer.name: ops.mean(ops.relu(layer.output), axis=(0, 1, 2)) for layer in _convolutions(model)}
    name_apart(list(outputs.values()))
    means = keras.Model(model.input, outputs)
    totals: dict[str, Any] = dict.fromkeys(outputs, 0.0)
    pixels = 0
    for photo in photos:
        size = photo.shape[0] * photo.shape[1]
        pixels += size
        for name, mean in means(photo[np.newaxis]).items():
            totals[name] = totals[name] + size * ops.convert_to_numpy(mean).astype("float64")
    return {name: total / pixels for name, total in totals.items()}


def divide_activations(model: keras.Model, means: Mapping[str, np.ndarray]) -> None:
    """Change the weights of `model` so that its convolutions' outputs are divided by `means`.

    Args:
        model: a chain of Conv2D, rectification and pooling.
        means: (filters,) by the name of the convolution; zeros count as 1.

    Raises:
        UserError: the model has other layers with weights, or its convolutions do not follow one another.
    """
    before = None
    for layer in _convolutions(model):
        divisor = _divisor(means[layer.name])
        kernel, *bias = (ops.convert_to_numpy(weight) for weight in layer.weights)
        before = np.ones(kernel.shape[2]) if before is None else before
        if before.size != kernel.shape[2]:
            raise UserError(_not_a_chain(layer))
        layer.set_weights([kernel * before[:, np.newaxis] / divisor, *(values / divisor for values in bias)])
        before = divisor


def _divisor(mean: np.ndarray) -> np.ndarray:
    return np.where(mean > 0, mean, 1.0)


def _convolutions(model: keras.Model) -> list[keras.layers.Conv2D]:
    """Return the convolutions in their order; nothing else may have weights."""
    weighted = [layer for layer in model.layers if layer.weights]
    for layer in weighted:
        if not isinstance(layer, keras.layers.Conv2D):
            raise UserError(_not_a_chain(layer))
    return weighted


def _check_preserved(
    model: keras.Model, normalized: keras.Model, means: Mapping[str, np.ndarray], photo: np.ndarray
) -> None:
    """Raise UserError unless the normalised convolutions' outputs are the original's divided by `means`."""
    layers = _convolutions(model)
    original, result = (
        keras.Model(network.input, [layer.output for layer in _convolutions(network)])(photo[np.newaxis])
        for network in (model, normalized)
    )
    for layer, before, after in zip(layers, original, result, strict=True):
        before, after = ops.convert_to_numpy(before), ops.convert_to_numpy(after)
        if not np.abs(after * _divisor(means[layer.name]) - before).max() <= _TOLERANCE * np.abs(before).max():
            raise UserError(_not_a_chain(layer))


def _not_a_chain(layer: keras.Layer) -> str:
    return (
        f"activations can be normalised in a chain of convolutions, rectifications and poolings only; it ends "
        f"at layer {layer.name} ({type(layer).__name__}): cut the network before it"
    )
