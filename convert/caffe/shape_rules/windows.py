"""Shapes around the layers that move a window over a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from convert.caffe.file.schema import enum_name
from convert.caffe.geometry import Pair, Window, convolution_window, pooling_window, pyramid_windows
from convert.caffe.network import LayerError
from convert.caffe.shapes import (
    Shape,
    Shapes,
    agree,
    canonical_axis,
    known,
    picture,
    picture_or_volume,
    shape_rule,
    written,
)

# Convolutions of forks that have one group a channel, whether the prototxt says so or not.
DEPTHWISE = ("ConvolutionDepthwise", "DepthwiseConvolution")
MAX_COLUMNS = 1024  # pixels of a window whose numbers become channels
MAX_PYRAMID = 10  # poolings, the last of 512 x 512 windows


@shape_rule("Convolution", *DEPTHWISE)
def convolution(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Round the output's size down; weights are out x in / group x (time x) height x width."""
    parameter = layer.convolution_param
    window = convolution_window(parameter, len(picture_or_volume(bottoms[0])) - 2)
    group = convolution_groups(layer, bottoms[0])
    channels = _checked_channels(parameter, group, bottoms[0])
    top = _moved(bottoms[0], parameter.num_output, window, lambda size, axis: _positions(size, axis, window))
    weights = (parameter.num_output, channels // group, *window.kernel)
    return Shapes([top], _with_bias(parameter, weights))


def convolution_groups(layer: Any, bottom: Shape) -> int:
    """Return the number of groups of a Convolution, of whatever kind, over a blob of the shape `bottom`."""
    group = layer.convolution_param.group
    return known(bottom[1]) if layer.type in DEPTHWISE and group == 1 else group


@shape_rule("Deconvolution")
def deconvolution(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Turn a convolution's sizes around; weights are in x out / group x (time x) height x width."""
    parameter = layer.convolution_param
    window = convolution_window(parameter, len(picture_or_volume(bottoms[0])) - 2)
    if len(window.kernel) == 3 and (parameter.group != 1 or set(window.dilation) != {1}):
        raise LayerError("volumes with groups or dilation are not supported")
    channels = _checked_channels(parameter, parameter.group, bottoms[0])
    top = _moved(
        bottoms[0],
        parameter.num_output,
        window,
        lambda size, axis: (size - 1) * window.stride[axis] + window.extent(axis) - 2 * window.padding[axis],
    )
    weights = (channels, parameter.num_output // parameter.group, *window.kernel)
    return Shapes([top], _with_bias(parameter, weights))


def _checked_channels(parameter: Any, group: int, bottom: Shape) -> int:
    if canonical_axis(parameter.axis, bottom) != 1:
        raise LayerError(f"axis {parameter.axis}: the channels must be on axis 1")
    channels, outputs = known(bottom[1]), parameter.num_output
    if outputs < 1 or group < 1:
        raise LayerError(f"num_output {outputs} and group {group} must be positive")
    if channels % group or outputs % group:
        raise LayerError(f"group {group} does not divide {channels} input and {outputs} output channels")
    return channels


def _with_bias(parameter: Any, weights: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [weights, (parameter.num_output,)] if parameter.bias_term else [weights]


def _positions(size: int, axis: int, window: Window) -> int:
    return window.room(size, axis) // window.stride[axis] + 1


def _moved(bottom: Shape, channels: int | None, window: Window, resize: Callable[[int, int], int]) -> Shape:
    sizes = [None if size is None else resize(size, axis) for axis, size in enumerate(bottom[2:])]
    if any(size is not None and size < 1 for size in sizes):
        raise LayerError(f"a kernel {window.kernel} with pad {window.padding} leaves nothing of {written(bottom)}")
    return (bottom[0], channels, *sizes)


@shape_rule("Pooling", tops=range(1, 3))
def pooling(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Round the size up (unless told to round down); drop a last window that would start in the padding."""
    parameter, bottom = layer.pooling_param, picture_or_volume(bottoms[0])
    method = enum_name(parameter, "pool")
    if method == "STOCHASTIC":
        raise LayerError("stochastic pooling is random even in the test phase and cannot be converted")
    if len(layer.top) == 2:
        if method != "MAX":
            raise LayerError("only MAX pooling has a second top, the positions of the maxima")
        known(picture(bottom)[3])
    window = pooling_window(parameter, bottom[2:])
    if parameter.global_pooling:
        top = (*bottom[:2], *(1 for _ in bottom[2:]))
    else:
        down = rounds_down(parameter)
        top = _moved(bottom, bottom[1], window, lambda size, axis: _pooled_size(size, axis, window, down=down))
    return Shapes([top] * len(layer.top))


def _pooled_size(size: int, axis: int, window: Window, *, down: bool) -> int:
    """Return how many windows fit along `axis` (0: height) of a picture of `size`, as Caffe counts."""
    room, stride = window.room(size, axis), window.stride[axis]
    windows = (room // stride if down else -(-room // stride)) + 1
    if any(window.padding) and (windows - 1) * stride >= size + window.padding[axis]:
        windows -= 1
    return windows


def rounds_down(parameter: Any) -> bool:
    """Return whether a PoolingParameter asks for sizes rounded down, as Caffe says it or as forks do."""
    return enum_name(parameter, "round_mode") == "FLOOR" or not parameter.ceil_mode


@shape_rule("SPP")
def pyramid(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Put the numbers of poolings with 1, 2 x 2, 4 x 4, ... windows in a row; one pooling alone keeps its shape."""
    bottom, parameter = picture(bottoms[0]), layer.spp_param
    if enum_name(parameter, "pool") == "STOCHASTIC":
        raise LayerError("stochastic pooling is random even in the test phase and cannot be converted")
    if not 1 <= parameter.pyramid_height <= MAX_PYRAMID:
        raise LayerError(f"pyramid_height {parameter.pyramid_height} must be from 1 to {MAX_PYRAMID}")
    channels, *size = map(known, bottom[1:])
    counts = [
        math.prod(_pooled_size(size[axis], axis, window, down=False) for axis in (0, 1))
        for window in pyramid_windows(parameter.pyramid_height, (size[0], size[1]))
    ]
    return Shapes([(bottom[0], channels, 1, 1) if len(counts) == 1 else (bottom[0], channels * sum(counts))])


@shape_rule("LRN")
def lrn(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Check the size of the neighbourhood."""
    if layer.lrn_param.local_size % 2 == 0:
        raise LayerError(f"local_size {layer.lrn_param.local_size} must be odd")
    return Shapes([picture(bottoms[0])])


@shape_rule("Upsample", bottoms=range(1, 3))
def upsample(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Multiply height and width; with the mask of a pooling as second bottom the result may have a size of its own."""
    bottom, factors = picture(bottoms[0]), upsample_factors(layer.upsample_param)
    if len(bottoms) == 2:
        return Shapes([(*bottom[:2], *_unpooled_size(layer.upsample_param, bottoms, factors))])
    sizes = [None if size is None else size * factor for size, factor in zip(bottom[2:], factors, strict=True)]
    return Shapes([(*bottom[:2], *sizes)])


def _unpooled_size(parameter: Any, bottoms: Sequence[Shape], factors: Pair) -> list[int]:
    """Return the size of what SegNet's layer makes: as given, or enlarged, a pixel less where pad_out says so."""
    if not agree(*bottoms):
        raise LayerError(f"the mask, {written(bottoms[1])}, must be {written(bottoms[0])} as the first bottom")
    given = parameter.upsample_h, parameter.upsample_w
    padded = parameter.pad_out_h, parameter.pad_out_w
    sizes = zip(bottoms[0][2:], factors, given, padded, strict=True)
    return [wanted or known(size) * factor - less for size, factor, wanted, less in sizes]


@shape_rule("Unpooling", bottoms=range(1, 3))
def unpooling(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make pictures of a given size of maxima and the mask of their pooling: the inverse in DeconvNet."""
    parameter, bottom = layer.unpooling_param, picture(bottoms[0])
    if enum_name(parameter, "unpool") != "MAX" or len(bottoms) != 2:
        raise LayerError("only MAX unpooling with the mask of a pooling as second bottom is converted")
    if not agree(*bottoms):
        raise LayerError(f"the mask, {written(bottoms[1])}, must be {written(bottom)} as the first bottom")
    size = parameter.unpool_h or parameter.unpool_size, parameter.unpool_w or parameter.unpool_size
    if 0 in size:
        raise LayerError("needs unpool_size, or unpool_h and unpool_w")
    # The size is that of the pooled pictures, so these cannot be of any size.
    known(bottom[2])
    return Shapes([(*bottom[:2], *size)])


@shape_rule("Im2col")
def windows_as_channels(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make a channel of each number in the window of a convolution."""
    window = convolution_window(layer.convolution_param)
    if math.prod(window.kernel) > MAX_COLUMNS:
        raise LayerError(f"a kernel of {window.kernel} has more than {MAX_COLUMNS} pixels")
    channels = known(picture(bottoms[0])[1]) * math.prod(window.kernel)
    return Shapes([_moved(bottoms[0], channels, window, lambda size, axis: _positions(size, axis, window))])


def upsample_factors(parameter: Any) -> Pair:
    """Return the factors of an UpsampleParameter for height and width."""
    factors = parameter.scale_h or parameter.scale, parameter.scale_w or parameter.scale
    if min(factors) < 1:
        raise LayerError(f"scale {factors} must be positive")
    return factors


@shape_rule("Interp")
def interp(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Crop, then shrink and enlarge: by factors, which leave the corners where they are, or to a size."""
    bottom, parameter = picture(bottoms[0]), layer.interp_param
    if max(parameter.pad_beg, parameter.pad_end) > 0:
        raise LayerError(f"pad_beg {parameter.pad_beg} and pad_end {parameter.pad_end} must not be positive")
    if parameter.zoom_factor < 1 or parameter.shrink_factor < 1:
        raise LayerError("zoom_factor and shrink_factor must be positive")
    to_size = (parameter.height, parameter.width)
    if parameter.HasField("height") and parameter.HasField("width"):
        return Shapes([(*bottom[:2], *to_size)])
    sizes = [known(size) + parameter.pad_beg + parameter.pad_end for size in bottom[2:]]
    sizes = [(size - 1) // parameter.shrink_factor + 1 for size in sizes]
    return Shapes([(*bottom[:2], *(size + (size - 1) * (parameter.zoom_factor - 1) for size in sizes))])
