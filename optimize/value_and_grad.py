"""A compiled function that returns a loss, its terms and its gradient, on every Keras backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

# From tensors to (loss, auxiliary results), and the same with the gradient by the first tensor as third.
Function = Callable[..., tuple[Any, tuple[Any, ...]]]
Differentiated = Callable[..., tuple[Any, tuple[Any, ...], Any]]


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


def compile_value_and_grad(function: Callable[..., tuple[Any, Mapping[str, Any]]]) -> Callable[..., Evaluation]:
    """Compile `function` and its gradient; compilation happens at the first call with new shapes or types.

    Args:
        function: of keras.ops, from a tensor (and others, by which nothing is differentiated) to (scalar loss,
            scalar terms by name), with the same names at every call, such as the losses of this program.

    Returns:
        A function of as many arrays or tensors of floats.
    """
    names: list[str] = []

    def flat(point: Any, *constants: Any) -> tuple[Any, tuple[Any, ...]]:
        loss, terms = function(point, *constants)
        names[:] = terms
        return loss, tuple(terms.values())

    differentiated = _COMPILERS[keras.backend.backend()](flat)

    def evaluate(*points: Any) -> Evaluation:
        loss, terms, gradient = differentiated(*map(_to_tensor, points))
        return Evaluation(loss, dict(zip(names, terms, strict=True)), gradient)

    return evaluate


def compile_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` of tensors, without a gradient; what it returns is a tensor or a list of them."""
    compiled = _FUNCTION_COMPILERS[keras.backend.backend()](function)
    return lambda *points: compiled(*map(_to_tensor, points))


def _to_tensor(point: Any) -> Any:
    # The type is given since float64 arrays would else become tensors of Keras' default type.
    return ops.convert_to_tensor(point, dtype=keras.backend.standardize_dtype(point.dtype))


def _compile_tensorflow(function: Function) -> Differentiated:
    import tensorflow as tf

    def differentiated(point: tf.Tensor, *constants: tf.Tensor) -> tuple[tf.Tensor, tuple[tf.Tensor, ...], tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(point)
            loss, terms = function(point, *constants)
        return loss, terms, tape.gradient(loss, point)

    return _function_tensorflow(differentiated)


def _compile_jax(function: Function) -> Differentiated:
    import jax

    value_and_grad = jax.jit(jax.value_and_grad(function, has_aux=True))

    def differentiated(*points: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...], jax.Array]:
        (loss, terms), gradient = value_and_grad(*points)
        return loss, terms, gradient

    return differentiated


def _compile_torch(function: Function) -> Differentiated:
    import torch

    def differentiated(
        point: torch.Tensor, *constants: torch.Tensor
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], torch.Tensor]:
        leaf = point.detach().requires_grad_()
        with torch.enable_grad():
            loss, terms = function(leaf, *constants)
        (gradient,) = torch.autograd.grad(loss, leaf)
        return loss.detach(), tuple(term.detach() for term in terms), gradient

    return differentiated


def _function_tensorflow(function: Callable[..., Any]) -> Callable[..., Any]:
    import tensorflow as tf

    # Not compiled by XLA, whose convolutions on a CPU are slower than oneDNN's. Traced for each signature here since
    # tf.function warns of frequent tracing when several functions have the same code.
    traced = tf.function(function, autograph=False)
    concrete: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def compiled(*points: tf.Tensor) -> Any:
        signature = tuple((tuple(point.shape), point.dtype) for point in points)
        if signature not in concrete:
            specs = [tf.TensorSpec(point.shape, point.dtype) for point in points]
            concrete[signature] = traced.get_concrete_function(*specs)
        return concrete[signature](*points)

    return compiled


def _function_jax(function: Callable[..., Any]) -> Callable[..., Any]:
    import jax

    return jax.jit(function)


def _function_torch(function: Callable[..., Any]) -> Callable[..., Any]:
    import torch

    return torch.no_grad()(function)


_COMPILERS = {"tensorflow": _compile_tensorflow, "jax": _compile_jax, "torch": _compile_torch}
_FUNCTION_COMPILERS = {"tensorflow": _function_tensorflow, "jax": _function_jax, "torch": _function_torch}
