"""Faster implementations that a backend offers beside a layer's plain formula, and the switch that disables them.

This is the only place that chooses by backend. A function here gets the plain formula as its last argument and
computes the same numbers, by that formula (or keras.ops') where the backend has nothing quicker.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

import keras
from keras import ops

kernels: ModuleType | None = None
if keras.backend.backend() == "tensorflow":
    from layers import tensorflow_kernels as kernels

_plain = ContextVar("plain", default=False)


@contextmanager
def plain_formulas() -> Iterator[None]:
    """Let every layer called (and so every graph traced) inside compute its plain formula of elementary operations.

    For exports to runtimes that lack the backend's own kernels: ONNX Runtime on the CPU and LiteRT's built-in
    operators have no batch normalisation in training mode.

        with layers.plain_formulas():
            model.export(path, format="onnx")
    """
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def is_on_processor() -> bool:
    """Say whether TensorFlow computes, without a GPU: then some ways pay that elsewhere take longer."""
    return kernels is not None and not keras.distribution.list_devices("gpu")


def prefers_constant_kernels() -> bool:
    """Say whether TensorFlow computes on a processor by oneDNN, as this program asked it to.

    There convolutions with constant kernels are quicker than those with variables, and elsewhere slower.
    """
    return is_on_processor() and os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1"


def instance_normalization(
    inputs: Any, gamma: Any, beta: Any, epsilon: float, plain: Callable[[Any], Any], training: bool | None
) -> Any:
    """Return `inputs` normalised for each picture and channel.

    Args:
        inputs: (batch, height, width, channels).
        gamma: factor (channels,), or (batch, channels) for each picture its own, or None.
        beta: offset of such a shape, or None.
        epsilon: added to the variance.
        plain: the formula, a function of `inputs`.
        training: whether the statistics may be less exact (1e-5 at 512 x 512 pixels) for a quicker gradient.
    """
    if kernels is None or _plain.get():
        return plain(inputs)
    return kernels.instance_normalization(inputs, gamma, beta, epsilon, plain, training)


def moments(picture: Any, plain: Callable[[Any], tuple[Any, Any]]) -> tuple[Any, Any]:
    """Return the means and the variances (channels,) of a picture (1, height, width, channels) in float32.

    Args:
        picture: float32.
        plain: the formula, a function of `picture`.
    """
    return plain(picture) if kernels is None or _plain.get() else kernels.moments(picture, 0.0)


def normalize_channels(
    pictures: Any, mean: Any, factor: Any, offset: Any, plain: Callable[[Any, Any, Any, Any], Any]
) -> Any:
    """Return (pictures - mean) * factor + offset, channel by channel.

    Args:
        pictures: (batch, height, width, channels), float32.
        mean: (channels,), float32, as `factor` and `offset`.
        factor: (channels,).
        offset: (channels,).
        plain: the formula, a function of all four.
    """
    function = plain if kernels is None or _plain.get() else kernels.normalize_channels
    return function(pictures, mean, factor, offset)


def choose(condition: Any, quick: Callable[[], Any], plain: Callable[[], Any]) -> Any:
    """Return `quick()` where `condition` holds, else `plain()`, which give the same numbers.

    For what is not known before the graph runs. A runtime that is given plain formulas is not asked to choose.

    Args:
        condition: boolean tensor ().
        quick: without arguments.
        plain: without arguments.
    """
    if kernels is None or _plain.get():
        return plain()
    return kernels.choose(condition, quick, plain)


def matmul_transposed(values: Any, matrices: Any) -> Any:
    """Return the products of `values` (count, rows, columns) with the transposed `matrices` (count, others, columns).

    TensorFlow would else move the matrices in memory first.
    """
    if kernels is None:
        return ops.matmul(values, ops.swapaxes(matrices, 1, 2))
    return kernels.matmul_transposed(values, matrices)


def map_in_turn(function: Callable[[Any], Any], items: Any, *, shape: Sequence[Any], dtype: str) -> Any:
    """Return the results of `function` for each of `items` (their first axis), stacked: keras.ops.map.

    On TensorFlow that would work on several items at a time, which is slower for those that fill the cache.

    Args:
        function: from an item to a tensor.
        items: (count, ...).
        shape: of a result; numbers, or tensors where a size is unknown.
        dtype: type of one result.
    """
    return ops.map(function, items) if kernels is None else kernels.map_in_turn(function, items, shape, dtype)


def traced_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`; on TensorFlow all its calls with inputs of the same shapes share one graph.

    For a function that many layers call and that takes long to trace. Its arguments by position are tensors, those by
    name constants.
    """
    return function if kernels is None else kernels.traced_once(function)


def call_with_gradient(function: Callable[[Any], tuple[Any, Any]], inputs: Any) -> Any:
    """Return the result of `function` for `inputs`; the gradient is the one that it returns beside its result.

    TensorFlow would else keep the graph of every call as long as the process lasts.

    Args:
        function: as keras.ops.custom_gradient takes it, of one tensor.
        inputs: that tensor.
    """
    if kernels is None:
        return ops.custom_gradient(function)(inputs)
    return kernels.call_with_gradient(function, inputs)


def numbers_of(tensor: Any) -> Any:
    """Return a tensor as a NumPy array that must not be changed; on TensorFlow without a copy."""
    return ops.convert_to_numpy(tensor) if kernels is None else kernels.numbers_of(tensor)
