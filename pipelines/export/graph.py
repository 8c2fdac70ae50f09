"""A model as a TensorFlow graph, which is what every export starts from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import nullcontext

import keras
import tensorflow as tf

import layers
from compat import flatten_layers
from errors import UserError, one_line
from model.rewiring import without_structure
from model.saving import load_model
from pipelines.export.plan import ExportPlan, output_names, output_structure
from pipelines.export.settings import describe_shape
from pipelines.stylization.generator import set_precision

SIGNATURE = "serving_default"
# Ranks of what has channels: pictures and volumes.
CHANNELS_LAST_RANKS = (4, 5)

Function = tf.types.experimental.PolymorphicFunction
ConcreteFunction = tf.types.experimental.ConcreteFunction


def load_exportable(path: str | os.PathLike) -> keras.Model:
    """Load a `.keras` file for an export. Its layers compute in float32, whatever they were trained in.

    Raises:
        UserError: it cannot be loaded, or Keras does not run on TensorFlow.
    """
    require_tensorflow()
    model = load_model(path)
    set_precision(model, "float32")
    return model


def require_tensorflow() -> None:
    """Raise UserError unless Keras runs on TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        raise UserError(f"exports need Keras' tensorflow backend; KERAS_BACKEND asks for {keras.backend.backend()}")


def channels_first(model: keras.Model) -> keras.Model:
    """Return `model` with the channels of pictures and volumes first at its borders, all else as it is."""
    inputs = [_channels_first_input(tensor) for tensor in model.inputs]
    given = [_permuted(tensor, (*range(2, len(tensor.shape)), 1)) for tensor in inputs]
    flat = without_structure(model)
    results = keras.tree.flatten(flat(given if len(given) > 1 else given[0]))
    names = output_names(model)
    layer_names = (None,) * len(names) if isinstance(output_structure(model), Mapping) else names
    outputs = [
        _permuted(tensor, (len(tensor.shape) - 1, *range(1, len(tensor.shape) - 1)), name=name)
        for name, tensor in zip(layer_names, results, strict=True)
    ]
    return keras.Model(inputs, dict(zip(names, outputs, strict=True)) if layer_names != names else outputs)


def _channels_first_input(tensor: keras.KerasTensor) -> keras.KerasTensor:
    shape = tuple(tensor.shape)
    if len(shape) in CHANNELS_LAST_RANKS:
        shape = (shape[0], shape[-1], *shape[1:-1])
    return keras.Input(batch_shape=shape, dtype=tensor.dtype, name=tensor.name)


def _permuted(tensor: keras.KerasTensor, axes: tuple[int, ...], *, name: str | None = None) -> keras.KerasTensor:
    """Return pictures and volumes with their axes after the batch in another order; others as they are."""
    if len(tensor.shape) in CHANNELS_LAST_RANKS:
        return keras.layers.Permute(axes, name=name)(tensor)
    return keras.layers.Identity(name=name)(tensor)


def graph_function(model: keras.Model, plan: ExportPlan, *, plain: bool = True) -> Function:
    """Return `model` as a TensorFlow function, not yet traced, from its inputs to a dict of its outputs.

    Args:
        model: Functional or Sequential.
        plan: names, types and shapes.
        plain: trace the layers' plain formulas, for runtimes without TensorFlow's kernels.
    """
    specs = [tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name) for tensor in plan.inputs]
    flat = without_structure(model)

    @tf.function(input_signature=specs, autograph=False)
    def serve(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        with layers.plain_formulas() if plain else nullcontext():
            results = flat(list(inputs) if len(inputs) > 1 else inputs[0], training=False)
        named = zip(plan.outputs, keras.tree.flatten(results), strict=True)
        return {name: _as_output(result, plan) for name, result in named}

    return serve


def _as_output(result: tf.Tensor, plan: ExportPlan) -> tf.Tensor:
    """Return a tensor of its own, so that it can have the output's name; pictures are float32."""
    return tf.identity(tf.cast(result, tf.float32) if plan.makes_pictures else result)


def trace(function: Function) -> ConcreteFunction:
    """Return the graph of a `graph_function`.

    Raises:
        UserError: the model cannot take inputs of these sizes.
    """
    try:
        return function.get_concrete_function()
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        raise UserError(f"the model cannot take {_described(function.input_signature)}: {one_line(error)}") from error


def _described(signature: list[tf.TensorSpec]) -> str:
    if len(signature) == 1 and signature[0].name == "image":
        _, height, width, _ = signature[0].shape
        return f"pictures of {height}x{width}"
    return " and ".join(f"{spec.name} of {describe_shape(tuple(spec.shape)[1:])}" for spec in signature)


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
