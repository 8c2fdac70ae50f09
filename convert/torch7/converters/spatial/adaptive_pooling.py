"""Poolings whose windows depend on the picture's size, or on chance."""

from __future__ import annotations

import numpy as np
from keras import KerasTensor

from convert.torch7.context import Context
from convert.torch7.converters.spatial.geometry import MAX_KERNEL
from convert.torch7.file.values import TorchTensor
from convert.torch7.module import Module
from convert.torch7.registry import converts
from layers import AdaptivePooling2D, FractionalMaxPooling

MAX_SIZE = 4096


@converts("nn.SpatialAdaptiveMaxPooling", sample=3)
def adaptive_max_pooling(module: Module, x: KerasTensor) -> KerasTensor:
    """Maxima of H x W windows that cover the picture."""
    return AdaptivePooling2D(_size(module), mode="max")(x)


@converts("nn.SpatialAdaptiveAveragePooling", sample=3)
def adaptive_average_pooling(module: Module, x: KerasTensor) -> KerasTensor:
    """Means of H x W windows that cover the picture."""
    return AdaptivePooling2D(_size(module), mode="average")(x)


def _size(module: Module) -> tuple[int, int]:
    return module.integer("H", low=1, high=MAX_SIZE), module.integer("W", low=1, high=MAX_SIZE)


@converts("nn.SpatialFractionalMaxPooling", sample=3)
def fractional_max_pooling(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Maxima of windows at random places: fixed ones where the file holds them, else new ones."""
    return _fractional(module, x, context, "WH")


@converts("nn.VolumetricFractionalMaxPooling", sample=4)
def volumetric_fractional_max_pooling(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Maxima of windows at random places; its T is the last dimension of the volume, its H the first."""
    return _fractional(module, x, context, "TWH")


def _fractional(module: Module, x: KerasTensor, context: Context, letters: str) -> KerasTensor:
    """Pool with the random numbers of the file, of an input of the model, or of a seed.

    Args:
        module: the module.
        x: (batch, ..., channels), the spatial dimensions in the order of the reversed letters.
        context: where the noise comes from.
        letters: names of the dimensions in the order of the random numbers.
    """
    pool = [module.integer(f"poolSize{letter}", low=1, high=MAX_KERNEL) for letter in reversed(letters)]
    size, ratio = _output_size(module, letters)
    fixed = None if context.noise == "input" else _fixed_samples(module)
    noise = None if fixed is not None else context.noise_like(module, (x.shape[0], x.shape[-1], len(letters)))
    shape = None if fixed is None else fixed.shape
    make = lambda: FractionalMaxPooling(pool, output_size=size, ratio=ratio, samples_shape=shape)  # noqa: E731
    return context.apply(module, x if noise is None else [x, noise], make, [fixed])


def _fixed_samples(module: Module) -> np.ndarray | None:
    """Return the random numbers that the file holds for good, if it does."""
    module.ignore("randomSamples")
    samples = module.get("randomSamples") if module.flag("newRandomPool") else None
    if not isinstance(samples, TorchTensor) or not samples.array.size:
        return None
    return np.asarray(samples.array, np.float32)


def _output_size(module: Module, letters: str) -> tuple[list[int] | None, list[float] | None]:
    """Return the output's size, or the ratio of it to the input's."""
    if module.get(f"out{letters[0]}") is not None:
        return [module.integer(f"out{letter}", low=1, high=MAX_SIZE) for letter in reversed(letters)], None
    return None, [float(module.number(f"ratio{letter}")) for letter in reversed(letters)]
