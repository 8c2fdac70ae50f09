"""Pooling, unpooling and up-sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from convert.torch7.converters.convolutions import MAX_KERNEL, window, zero_padding
from convert.torch7.pooling_ties import pooling_keys
from convert.torch7.registry import converts
from layers import (
    BilinearUpSampling2D,
    MaxUnpooling2D,
    PaddedAveragePooling2D,
    PaddedMaxPooling2D,
    PixelShuffle2D,
)

if TYPE_CHECKING:
    from keras import KerasTensor

    from convert.torch7.context import Context
    from convert.torch7.module import Module

MAX_UNPOOLING = 16  # an unpooling layer computes one plane for each position in the window


@converts("nn.SpatialMaxPooling", "cudnn.SpatialMaxPooling")
def max_pooling(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Max pooling; keeps the places of the maxima where a later unpooling wants them."""
    kernel, strides = window(module)
    arguments = {"strides": strides, "padding": zero_padding(module), "ceil_mode": module.flag("ceil_mode")}
    keys = [key for key in pooling_keys(module.source) if key in context.unpooled]
    if not keys:
        return PaddedMaxPooling2D(kernel, **arguments)(x)
    if max(kernel) > MAX_UNPOOLING:
        raise module.fail(f"unpooling of windows of {kernel} pixels; up to {MAX_UNPOOLING} are possible")
    pooled, indices = PaddedMaxPooling2D(kernel, return_indices=True, **arguments)(x)
    context.pooling_indices.update(dict.fromkeys(keys, (indices, x)))
    return pooled


@converts("nn.SpatialMaxUnpooling")
def max_unpooling(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """The counterpart of a max pooling, found by the tensor of indices that the two share."""
    found = [key for key in pooling_keys(module.get("pooling")) if key in context.pooling_indices]
    if not found:
        raise module.fail("the pooling module that it undoes does not come before it")
    indices, pooled_from = context.pooling_indices[found[0]]
    pooling = module.child(module.get("pooling"), "pooling")
    kernel, strides = window(pooling)
    return MaxUnpooling2D(kernel, strides=strides, padding=zero_padding(pooling))([x, indices, pooled_from])


@converts("nn.SpatialAveragePooling", "cudnn.SpatialAveragePooling")
def average_pooling(module: Module, x: KerasTensor) -> KerasTensor:
    """Average pooling; with a false or (in old files) missing `divide`, times the size of the window."""
    kernel, strides = window(module, stride_default=1)
    return PaddedAveragePooling2D(
        kernel,
        strides=strides,
        padding=zero_padding(module),
        ceil_mode=module.flag("ceil_mode"),
        count_include_pad=module.flag("count_include_pad", True),
        divide=module.flag("divide") or module.type_name.startswith("cudnn."),
    )(x)


@converts("nn.SpatialUpSamplingNearest")
def nearest_upsampling(module: Module, x: KerasTensor) -> KerasTensor:
    """Each pixel becomes a square."""
    return keras.layers.UpSampling2D(module.integer("scale_factor", low=1, high=MAX_KERNEL))(x)


@converts("nn.SpatialUpSamplingBilinear")
def bilinear_upsampling(module: Module, x: KerasTensor) -> KerasTensor:
    """Bilinear up-sampling by a factor or to a size, corners aligned."""
    if module.get("scale_factor") is not None:
        return BilinearUpSampling2D(module.integer("scale_factor", low=1, high=MAX_KERNEL))(x)
    size = tuple(module.integer(name, low=1, high=2**16) for name in ("oheight", "owidth"))
    return BilinearUpSampling2D(output_size=size)(x)


@converts("nn.PixelShuffle")
def pixel_shuffle(module: Module, x: KerasTensor) -> KerasTensor:
    """Channels become pixels."""
    return PixelShuffle2D(module.integer("upscaleFactor", low=1, high=64))(x)
