"""Normalisation layers, as they are in evaluation."""

from __future__ import annotations

import keras
import numpy as np
from keras import KerasTensor, ops

from convert.torch7.context import BatchStatisticsNeeded, Context
from convert.torch7.module import Module
from convert.torch7.registry import converts
from convert.torch7.symbolic_values import Cell
from layers import BatchStatisticsNormalization, InstanceNormalization, LocalResponseNormalization


@converts(
    "nn.SpatialBatchNormalization",
    "cudnn.SpatialBatchNormalization",
    sample=3,
)
def spatial_batch_normalization(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Normalisation of a picture's channels."""
    return _normalized(module, x, context)


@converts("nn.VolumetricBatchNormalization", "cudnn.VolumetricBatchNormalization", sample=4)
def volumetric_batch_normalization(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Normalisation of a volume's channels."""
    return _normalized(module, x, context)


@converts("nn.BatchNormalization", "cudnn.BatchNormalization")
def batch_normalization(module: Module, cell: Cell, context: Context) -> Cell:
    """Normalisation of features; a vector is taken for a batch of one, which stays."""
    if cell.rank not in (1, 2):
        raise module.fail(f"takes tensors of 1 or 2 dimensions, but its input has the sizes {cell.sizes}")
    x = cell.source()
    if cell.rank == 1:
        x = ops.expand_dims(x, cell.frame.hidden)
    if x.shape[-1] is None:
        context.expect_elements(x, _channels(module))
        x = keras.layers.Reshape((*x.shape[1:-1], _channels(module)))(x)
    return cell.from_source(_normalized(module, x, context))


def _channels(module: Module) -> int:
    return module.required_array("running_mean").size


def _normalized(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Normalise the last axis with the running statistics, or with those of the batch.

    The file decides for the whole network: running statistics for fewer channels than one of its modules normalises
    were never meant to be used.
    """
    module.ignore("std")  # of the last batch, where version 1 of the class was saved after it ran
    channels = _channels(module)
    beyond = _weights_beyond(module, x.shape[-1], channels)
    if beyond is None:
        context.expect_channels(module, x, channels)
    if context.statistics == "running" and beyond is not None:
        raise module.fail(f"has running statistics for {channels} channels, but its input has {x.shape[-1]}")
    if beyond is None and context.statistics != "batch":
        return _with_running_statistics(module, x, context)
    if context.statistics == "auto":
        raise BatchStatisticsNeeded
    context.batch_statistics.append(module)
    module.ignore("running_mean", "running_var", "running_std")
    gamma, beta = beyond or (module.array("weight"), module.array("bias"))
    make = lambda: BatchStatisticsNormalization(  # noqa: E731
        epsilon=module.number("eps", 1e-5), center=beta is not None, scale=gamma is not None
    )
    return context.apply(module, x, make, [gamma, beta])


def _weights_beyond(module: Module, channels: int | None, own: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return factors and offsets for more channels than the module has, None where it has as many.

    Networks of 2016 normalise 16 to 40 channels with modules made for 8. cunn, without a check, reads on in the
    storage behind the tensor, which all parameters of the network share (cunn 777d16f, SpatialBatchNormalization.cu;
    cutorch 3a17381, THCDeviceTensor.cuh: no bounds are checked).
    """
    if channels is None or channels <= own:
        return None
    gamma, beta = (module.storage_array(name, channels) for name in ("weight", "bias"))
    return None if gamma is None or beta is None else (gamma, beta)


def _with_running_statistics(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    mean, variance = module.required_array("running_mean"), _running_variance(module)
    gamma, beta = module.array("weight"), module.array("bias")
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
        raise module.fail("running_std has values that are not inverse standard deviations")
    return (inverse**-2 - module.number("eps", 1e-5)).astype(np.float32)


@converts("nn.SpatialBatchCentering", sample=3)
def spatial_centring(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """A picture's channels minus their means."""
    return _centred(module, x, context)


@converts("nn.BatchCentering", sample=1)
def centring(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Features minus their means."""
    return _centred(module, x, context)


def _centred(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    context.expect_channels(module, x, _channels(module))
    if context.statistics == "batch":
        context.batch_statistics.append(module)
        return x - ops.mean(x, axis=list(range(len(x.shape) - 1)), keepdims=True)
    return x - context.parameter(module, x, "running_mean")


@converts("nn.InstanceNormalization", sample=3)
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


@converts("nn.CrossMapNormalization", sample=3)
def cross_map_normalization(module: Module, x: KerasTensor) -> KerasTensor:
    """Local response normalisation of Facebook's fbcunn."""
    size = module.integer("size", low=1, high=1024)
    if size % 2 == 0:
        raise module.fail(f"field size is {size}; only odd sizes are supported")
    scale, power = module.number("scale"), module.number("power")
    return LocalResponseNormalization(size, alpha=scale, beta=power, k=1)(x)


@converts("nn.Normalize2", sample=3)
def normalize_pixels(x: KerasTensor) -> KerasTensor:
    """Each pixel's channels, divided by their Euclidean norm (MC-CNN, Zbontar and LeCun 2016, 1510.05970)."""
    return x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-5)


@converts("nn.SpatialCrossMapLRN", "cudnn.SpatialCrossMapLRN", "inn.SpatialCrossResponseNormalization", sample=3)
def local_response_normalization(module: Module, x: KerasTensor) -> KerasTensor:
    """Local response normalisation across channels."""
    return LocalResponseNormalization(
        module.integer("size", low=1, high=1024),
        alpha=module.number("alpha", 0.0001),
        beta=module.number("beta", 0.75),
        k=module.number("K" if module.get("K") is not None else "k", 1),
    )(x)
