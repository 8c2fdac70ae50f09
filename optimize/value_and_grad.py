"""A compiled function that returns a loss, its terms and its gradient, on every Keras backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

# From a tensor to (loss, auxiliary results), and the same with the gradient as third.
Function = Callable[[Any], tuple[Any, tuple[Any, ...]]]
Differentiated = Callable[[Any], tuple[Any, tuple[Any, ...], Any]]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A loss at one point; everything stays on the device until asked for.

    Attributes:
        loss: scalar tensor.
        terms: scalar tensors by name, whose sum is the loss.
        gradient: tensor of the point's shape and type.
    """

    loss: Any
    terms: Mapping[str, Any]
    gradient: Any

    def term_values(self) -> dict[str, float]:
        """Return the terms as Python floats."""
        return {name: float(ops.convert_to_numpy(value)) for name, value in self.terms.items()}


def compile_value_and_grad(function: Callable[[Any], tuple[Any, Mapping[str, Any]]]) -> Callable[[Any], Evaluation]:
    """Compile `function` and its gradient; compilation happens at the first call with a new shape or type.

    Args:
        function: of keras.ops, from a tensor to (scalar loss, scalar terms by name), with the same names at every
            call, such as the losses of this program.

    Returns:
        A function of an array or tensor of floats.
    """
    names: list[str] = []

    def flat(point: Any) -> tuple[Any, tuple[Any, ...]]:
        loss, terms = function(point)
        names[:] = terms
        return loss, tuple(terms.values())

    differentiated = _COMPILERS[keras.backend.backend()](flat)

    def evaluate(point: Any) -> Evaluation:
        # The type is given since float64 arrays would else become tensors of Keras' default type.
        tensor = ops.convert_to_tensor(point, dtype=keras.backend.standardize_dtype(point.dtype))
        loss, terms, gradient = differentiated(tensor)
        return Evaluation(loss, dict(zip(names, terms, strict=True)), gradient)

    return evaluate


def _compile_tensorflow(function: Function) -> Differentiated:
    import tensorflow as tf

    # Not compiled by XLA, whose convolutions on a CPU are several times slower than oneDNN's.
    @tf.function(autograph=False)
    def differentiated(point: tf.Tensor) -> tuple[tf.Tensor, tuple[tf.Tensor, ...], tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(point)
            loss, terms = function(point)
        return loss, terms, tape.gradient(loss, point)

    return differentiated


def _compile_jax(function: Function) -> Differentiated:
    import jax

    value_and_grad = jax.jit(jax.value_and_grad(function, has_aux=True))

    def differentiated(point: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...], jax.Array]:
        (loss, terms), gradient = value_and_grad(point)
        return loss, terms, gradient

    return differentiated


def _compile_torch(function: Function) -> Differentiated:
    import torch

    def differentiated(point: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], torch.Tensor]:
        leaf = point.detach().requires_grad_()
        with torch.enable_grad():
            loss, terms = function(leaf)
        (gradient,) = torch.autograd.grad(loss, leaf)
        return loss.detach(), tuple(term.detach() for term in terms), gradient

    return differentiated


_COMPILERS = {"tensorflow": _compile_tensorflow, "jax": _compile_jax, "torch": _compile_torch}
