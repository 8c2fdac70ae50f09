"""Pooling and unpooling of pictures."""

from __future__ import annotations

from typing import Any

from keras import KerasTensor, ops

from convert.torch7.context import Context
from convert.torch7.converters.spatial.geometry import MAX_KERNEL, window, zero_padding
from convert.torch7.module import Module
from convert.torch7.pooling_ties import pooling_keys
from convert.torch7.registry import converts
from convert.torch7.symbolic_values import Cell
from layers import DilatedMaxPooling2D, ElementwiseAffine, MaxUnpooling2D, PaddedAveragePooling2D, PaddedMaxPooling2D

MAX_UNPOOLING = 16  # an unpooling layer computes one plane for each position in the window


@converts("nn.SpatialMaxPooling", "cudnn.SpatialMaxPooling", "inn.SpatialMaxPooling", sample=3)
def max_pooling(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Max pooling; keeps the places of the maxima where a later unpooling wants them."""
    kernel, strides = window(module)
    arguments: dict[str, Any] = {"strides": strides, "padding": zero_padding(module), "ceil_mode": ceil_mode(module)}
    keys = [key for key in pooling_keys(module.source) if key in context.unpooled]
    if not keys:
        return PaddedMaxPooling2D(kernel, **arguments)(x)
    if max(kernel) > MAX_UNPOOLING:
        raise module.fail(f"unpooling of windows of {kernel} pixels; up to {MAX_UNPOOLING} are possible")
    pooled, indices = PaddedMaxPooling2D(kernel, return_indices=True, **arguments)(x)
    context.pooling_indices.update({key: [(indices, x)] for key in keys})
    return pooled


@converts("nn.SpatialMaxUnpooling", sample=3)
def max_unpooling(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """The counterpart of a max pooling, found by the tensor of indices that the two share."""
    found = [key for key in pooling_keys(module.get("pooling")) if key in context.pooling_indices]
    if not found:
        raise module.fail("the pooling module that it undoes does not come before it")
    ((indices, pooled_from),) = context.pooling_indices[found[0]]
    pooling = module.child(module.get("pooling"), "pooling")
    kernel, strides = window(pooling)
    return MaxUnpooling2D(kernel, strides=strides, padding=zero_padding(pooling))([x, indices, pooled_from])


@converts("nn.SpatialAveragePooling", "cudnn.SpatialAveragePooling", "inn.SpatialAveragePooling", sample=3)
def average_pooling(module: Module, x: KerasTensor) -> KerasTensor:
    """Average pooling; with a false or (in old files) missing `divide`, times the size of the window."""
    kernel, strides = window(module, stride_default=1)
    return PaddedAveragePooling2D(
        kernel,
        strides=strides,
        padding=zero_padding(module),
        ceil_mode=ceil_mode(module),
        count_include_pad=counts_padding(module),
        divide=module.flag("divide") or not module.type_name.startswith("nn."),
    )(x)


def ceil_mode(module: Module) -> bool:
    """Return whether a last, partial window counts; imagine-nn's poolings always count it."""
    return module.flag("ceil_mode") or module.type_name.startswith("inn.")


def counts_padding(module: Module) -> bool:
    """Return whether a mean counts padding as zeros; cudnn's poolings say so by their mode."""
    if module.type_name.startswith("cudnn."):
        return module.get("mode") != "CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING"
    return module.flag("count_include_pad", True)


@converts("nn.SpatialDilatedMaxPooling", sample=3)
def dilated_max_pooling(module: Module, x: KerasTensor) -> KerasTensor:
    """Max pooling over windows with holes."""
    kernel, strides = window(module, stride_default=1)
    return DilatedMaxPooling2D(
        kernel,
        strides=strides,
        padding=zero_padding(module),
        dilation_rate=tuple(module.integer(name, 1, low=1, high=MAX_KERNEL) for name in ("dilationH", "dilationW")),
        ceil_mode=module.flag("ceil_mode"),
    )(x)


@converts("nn.SpatialSubSampling", sample=3)
def sub_sampling(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """Sums of windows times a weight for each channel, plus a bias.

    Some files hold a weight for each place in the window; Torch7 reads the first numbers of it, one a channel.
    """
    kernel, strides = window(module, stride_default=1)
    bias = module.required_array("bias").ravel()
    context.expect_channels(module, x, bias.size)
    weight = module.required_array("weight").ravel()[: bias.size]
    sums = PaddedAveragePooling2D(kernel, strides=strides, divide=False)(x)
    return context.apply(module, sums, lambda: ElementwiseAffine((bias.size,)), [weight, bias])


@converts("nn.FeatureLPPooling")
def feature_lp_pooling(module: Module, cell: Cell) -> Cell:
    """(sum of x^power)^(1/power) over windows of features."""
    width, stride = module.integer("width", low=1, high=MAX_KERNEL), module.integer("stride", low=1, high=MAX_KERNEL)
    power, dimension = float(module.number("power")), 2 if module.flag("batch_mode") else 1
    source, axis = ops.moveaxis(cell.source(), cell.source_axis(dimension), -1), cell.source_axis(dimension)
    features = source.shape[-1]
    if features is None or features < width:
        raise module.fail(f"windows of {width} features; its input has {features or 'an unknown number'}")
    raised = ops.power(source, power)
    sums = [ops.sum(raised[..., i : i + width], axis=-1) for i in range(0, features - width + 1, stride)]
    return cell.from_source(ops.power(ops.stack(sums, axis=axis), 1 / power))
