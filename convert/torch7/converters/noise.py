"""Modules that draw random numbers: from a seed, or from inputs of the model that are named noise_0, noise_1, ..."""

from __future__ import annotations

import keras
from keras import KerasTensor, ops

from convert.torch7.context import ChannelMismatch, Context
from convert.torch7.module import Module
from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Cell, Value, samples
from layers import NoisePlanes, WhiteNoise


@converts("nn.Dropout")
def dropout(module: Module, cell: Cell, context: Context) -> KerasTensor:
    """Without effect in evaluation, except that version 1 scales then by 1 - p; or never stopping."""
    if module.flag("stochastic_inference"):
        return _dropped(module, cell, context, 0, scaled=module.flag("v2"))
    return cell.tensor if module.flag("v2") else cell.tensor * (1.0 - module.number("p"))


@converts("nn.SpatialDropout")
def spatial_dropout(module: Module, cell: Cell, context: Context) -> KerasTensor:
    """Scales by 1 - p in evaluation, or drops whole channels without end."""
    return _channels_dropped(module, cell, context, 2)


@converts("nn.VolumetricDropout")
def volumetric_dropout(module: Module, cell: Cell, context: Context) -> KerasTensor:
    """Scales by 1 - p in evaluation, or drops whole channels without end."""
    return _channels_dropped(module, cell, context, 3)


def _channels_dropped(module: Module, cell: Cell, context: Context, axes: int) -> KerasTensor:
    if module.flag("stochastic_inference"):
        return _dropped(module, cell, context, axes, scaled=False)
    return cell.tensor * (1.0 - module.number("p"))


def _dropped(module: Module, cell: Cell, context: Context, axes: int, *, scaled: bool) -> KerasTensor:
    """Drop elements, or with `axes` what lies along so many spatial axes; what is kept is divided by 1 - p."""
    x = cell.tensor
    shape = [1 if 1 <= i <= axes and axes else size for i, size in enumerate(x.shape)]
    noise = context.noise_like(module, shape)
    if noise is not None:
        return x * noise
    rate = float(module.number("p", 0.5))
    made = context.apply(module, x, lambda: keras.layers.Dropout(rate, noise_shape=shape), training=True)
    return made if scaled else made * (1.0 - rate)


@converts("nn.WhiteNoise")
def white_noise(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Adds normal noise in training and its mean in evaluation."""
    noise = context.noise_like(module, x.shape)
    if noise is not None:
        return x + noise
    mean, deviation = float(module.number("mean", 0)), float(module.number("std", 0.1))
    return context.apply(module, x, lambda: WhiteNoise(mean, deviation))


@converts_values("nn.ReinforceBernoulli", "nn.ReinforceCategorical", "nn.ReinforceNormal")
def most_likely(module: Module, value: Value) -> Value:
    """The input: what samples are drawn around in training only."""
    if module.flag("stochastic"):
        raise module.fail("draws samples in evaluation too (field stochastic), which is not supported")
    module.ignore("stdev", "reward")
    cell = module.single(value)
    return cell.like(cell.tensor)


@converts_values("nn.ReinforceGamma")
def mean_of_gamma(module: Module, value: Value) -> Value:
    """Shape times scale, around which training draws samples; the scale is a number, or the second of two inputs."""
    if module.flag("stochastic"):
        raise module.fail("draws samples in evaluation too (field stochastic), which is not supported")
    module.ignore("reward")
    if isinstance(value, Cell):
        return value.like(value.tensor * float(module.number("scale")))
    shape, scale = module.cells(value, 2)
    return shape.like(shape.tensor * scale.tensor)


@converts("nn.NoiseFill", sample=3)
def noise_fill(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Uniform noise times `mult` in place of the last channels."""
    planes = module.integer("num_noise_channels", low=0, high=4096)
    return _with_noise(module, x, context, planes, float(module.number("mult", 1)))


@converts_values("nn.GenNoise")
def generated_noise(module: Module, value: Value, context: Context) -> Value:
    """Uniform noise written over all channels of the input, or over those after a picture's three."""
    cell = module.single(value)
    parts = samples(cell, 3)
    channels = parts.tensor.shape[-1]
    if channels is None:
        raise ChannelMismatch(module, 3, None)
    planes = channels if channels <= 3 else channels - 3
    cell.tensor = parts.rest(_with_noise(module, parts.tensor, context, planes, 1.0)).tensor
    return cell


def _with_noise(module: Module, x: KerasTensor, context: Context, planes: int, factor: float) -> KerasTensor:
    if planes == 0:
        return x
    if x.shape[-1] is not None and x.shape[-1] < planes:
        raise module.fail(f"replaces {planes} channels with noise, but its input has {x.shape[-1]}")
    noise = context.noise_like(module, (*x.shape[:-1], planes))
    if noise is None:
        noise = context.apply(module, x, lambda: NoisePlanes(planes, seed=len(context.noisy)))
        noise = noise if factor == 1 else noise * factor
    kept = x[..., : x.shape[-1] - planes] if x.shape[-1] != planes else None
    return noise if kept is None else ops.concatenate([kept, noise], axis=-1)
