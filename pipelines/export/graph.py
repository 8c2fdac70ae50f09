"""A model as a TensorFlow graph, which is what every export starts from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeAlias

import keras
import tensorflow as tf

import layers
from compat import plain_positions
from errors import UserError, one_line
from model.leaky_relu import with_exact_slopes
from model.rewiring import without_structure
from model.saving import load_model
from pipelines.export.plan import ExportPlan
from pipelines.export.settings import describe_shape
from pipelines.stylization.generator import set_precision

SIGNATURE = "serving_default"

Function: TypeAlias = tf.types.experimental.PolymorphicFunction
ConcreteFunction: TypeAlias = tf.types.experimental.ConcreteFunction


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
        raise UserError(f"exports need the tensorflow backend of Keras, but KERAS_BACKEND is {keras.backend.backend()}")


def graph_function(model: keras.Model, plan: ExportPlan, *, plain: bool = True) -> Function:
    """Return `model` as a TensorFlow function, not yet traced, from its inputs to a dict of its outputs.

    Args:
        model: Functional or Sequential.
        plan: names, types and shapes.
        plain: trace the layers' plain formulas, for runtimes without TensorFlow's kernels.
    """
    specs = [tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name) for tensor in plan.inputs]
    flat = with_exact_slopes(without_structure(model))

    @tf.function(input_signature=specs, autograph=False)
    def serve(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        with plain_graph() if plain else nullcontext():
            results = flat(list(inputs) if len(inputs) > 1 else inputs[0], training=False)
        named = zip(plan.outputs, keras.tree.flatten(results), strict=True)
        return {name: _as_output(result, plan) for name, result in named}

    return serve


@contextmanager
def plain_graph() -> Iterator[None]:
    """Trace plain formulas, without calls of compiled functions: Keras calls XLA for convolutions in groups.

    Positions of the largest numbers are found without its operations on bits.
    """
    calls = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        with layers.plain_formulas(), plain_positions():
            yield
    finally:
        tf.config.run_functions_eagerly(calls)


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
    except Exception as error:  # each layer has its own kinds
        described = _described(function.input_signature)
        is_free = any(None in spec.shape.as_list()[1:] for spec in function.input_signature)
        options = "`input_shape`" if is_free else "`size` or `input_shape`"
        raise UserError(
            f"the model cannot take {described} ({options} sets the sizes of its inputs): {one_line(error)}"
        ) from error


def _described(signature: list[tf.TensorSpec]) -> str:
    if len(signature) == 1 and signature[0].name == "image":
        return f"pictures of {describe_shape(tuple(signature[0].shape)[1:3])}"
    return " and ".join(f"{spec.name} of {describe_shape(tuple(spec.shape)[1:])}" for spec in signature)


def holder_of(graph: ConcreteFunction) -> tf.Module:
    """Return a module that holds the variables of a graph: what it needs is saved with it."""
    module = tf.Module()
    module.weights = list(graph.variables)
    return module
