"""A generator as a TensorFlow graph, which is what every export starts from."""

from __future__ import annotations

import os
from contextlib import nullcontext

import keras
import tensorflow as tf

import layers
from compat import flatten_layers
from errors import UserError, one_line
from model.noise import takes_noise
from model.saving import load_model
from pipelines.stylization.generator import check_image_contract, set_precision

SIGNATURE = "serving_default"
OUTPUT = "stylized"

Shape = tuple[int | None, int | None, int | None]


def load_generator_model(path: str | os.PathLike) -> keras.Model:
    """Load a `.keras` file that can be exported: from pictures, or noise, of any size to pictures of that size.

    Its layers compute in float32, whatever they were trained in.

    Raises:
        UserError: it cannot be loaded or is no such model, or Keras does not run on TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise UserError(f"exports need Keras' tensorflow backend; KERAS_BACKEND asks for {keras.backend.backend()}")
    model = load_model(path)
    try:
        if not takes_noise(model):
            check_image_contract(model)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    set_precision(model, "float32")
    return model


def picture_function(
    model: keras.Model, shape: Shape, *, plain: bool = True
) -> tf.types.experimental.PolymorphicFunction:
    """Return `model` as a TensorFlow function, not yet traced, from `image` (or `noise`) to `stylized`.

    Args:
        model: the generator.
        shape: batch, height and width of the input; None for any.
        plain: trace the layers' plain formulas, for runtimes without TensorFlow's kernels.
    """
    name = "noise" if takes_noise(model) else "image"
    spec = tf.TensorSpec((*shape, model.inputs[0].shape[-1]), tf.float32, name=name)

    @tf.function(input_signature=[spec], autograph=False)
    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        with layers.plain_formulas() if plain else nullcontext():
            return {OUTPUT: tf.cast(model(images, training=False), tf.float32)}

    return serve


def trace(function: tf.types.experimental.PolymorphicFunction) -> tf.types.experimental.ConcreteFunction:
    """Return the graph of a `picture_function`.

    Raises:
        UserError: the model cannot take an input of its size.
    """
    try:
        return function.get_concrete_function()
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        _, height, width, _ = function.input_signature[0].shape
        raise UserError(f"the model cannot take pictures of {height}x{width}: {one_line(error)}") from error


def holder_of(model: keras.Model) -> tf.Module:
    """Return a module that holds the variables of `model`: what a graph needs is saved with it."""
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    return module


def require_no_noise_planes(model: keras.Model, runtime: str) -> None:
    """Raise UserError if the model draws random numbers, which `runtime` cannot."""
    if any(isinstance(layer, layers.NoisePlanes) for layer in flatten_layers(model)):
        raise UserError(
            f"the model draws noise beside the picture, for which {runtime} has no operator: use saved_model"
        )
