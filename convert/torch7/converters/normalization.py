"""Normalisation layers, as they are in evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np

from convert.torch7.registry import converts
from layers import InstanceNormalization, LocalResponseNormalization

if TYPE_CHECKING:
    from keras import KerasTensor

    from convert.torch7.context import Context
    from convert.torch7.module import Module


@converts(
    "nn.SpatialBatchNormalization",
    "nn.BatchNormalization",
    "cudnn.SpatialBatchNormalization",
    "cudnn.BatchNormalization",
)
def batch_normalization(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Normalisation with the running mean and variance."""
    mean, variance = module.required_array("running_mean"), _running_variance(module)
    gamma, beta = module.array("weight"), module.array("bias")
    if len(x.shape) == 4:
        context.expect_channels(module, x, mean.size)
    elif x.shape[-1] is None:
        x = keras.ops.reshape(x, (-1, mean.size))
    make = lambda: keras.layers.BatchNormalization(  # noqa: E731
        momentum=1 - module.number("momentum", 0.1),
        epsilon=module.number("eps", 1e-5),
        center=beta is not None,
        scale=gamma is not None,
    )
    return context.apply(module, x, make, [gamma, beta, mean, variance])


def _running_variance(module: Module) -> np.ndarray:
    """Return the variance; version 1 of the class saved running_std = (variance + eps)^-0.5 in its place."""
    if module.get("running_var") is not None:
        module.ignore("running_std")
        return module.required_array("running_var")
    inverse = module.required_array("running_std").astype(np.float64)
    if not ((inverse > 1e-18) & (inverse < 1e18)).all():
        raise module.fail("running_std holds numbers that are no inverse deviations")
    return (inverse**-2 - module.number("eps", 1e-5)).astype(np.float32)


@converts("nn.InstanceNormalization")
def instance_normalization(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Normalisation with the statistics of each picture.

    Of the two classes by this name, texture_nets' has running statistics, which it never uses in the result; both
    hold an inner batch normalisation that only does their sums.
    """
    gamma, beta = module.array("weight"), module.array("bias")
    module.ignore("running_mean", "running_var")
    context.expect_channels(module, x, module.integer("nOutput", low=1) if gamma is None else gamma.size)
    make = lambda: InstanceNormalization(  # noqa: E731
        epsilon=module.number("eps", 1e-5), center=beta is not None, scale=gamma is not None
    )
    return context.apply(module, x, make, [gamma, beta])


@converts("nn.SpatialCrossMapLRN", "cudnn.SpatialCrossMapLRN")
def local_response_normalization(module: Module, x: KerasTensor) -> KerasTensor:
    """Local response normalisation across channels."""
    return LocalResponseNormalization(
        module.integer("size", low=1, high=1024),
        alpha=module.number("alpha", 0.0001),
        beta=module.number("beta", 0.75),
        k=module.number("K" if module.get("K") is not None else "k", 1),
    )(x)
