"""Shapes around the layers that move a window over a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from convert.caffe.geometry import Window, convolution_window, pooling_window
from convert.caffe.network import LayerError
from convert.caffe.schema import enum_name
from convert.caffe.shapes import (
    Shape,
    Shapes,
    canonical_axis,
    known,
    picture,
    shape_rule,
    written,
)


@shape_rule("Convolution")
def convolution(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Round the output's size down; weights are out x in / group x height x width."""
    parameter, window = layer.convolution_param, convolution_window(layer.convolution_param)
    channels = _checked_channels(parameter, bottoms[0])
    top = _moved(bottoms[0], parameter.num_output, window, lambda size, axis: _positions(size, axis, window))
    weights = (parameter.num_output, channels // parameter.group, *window.kernel)
    return Shapes([top], _with_bias(parameter, weights))


@shape_rule("Deconvolution")
def deconvolution(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Turn a convolution's sizes around; weights are in x out / group x height x width."""
    parameter, window = layer.convolution_param, convolution_window(layer.convolution_param)
    channels = _checked_channels(parameter, bottoms[0])
    top = _moved(
        bottoms[0],
        parameter.num_output,
        window,
        lambda size, axis: (size - 1) * window.stride[axis] + window.extent(axis) - 2 * window.padding[axis],
    )
    weights = (channels, parameter.num_output // parameter.group, *window.kernel)
    return Shapes([top], _with_bias(parameter, weights))


def _checked_channels(parameter: Any, bottom: Shape) -> int:
    if canonical_axis(parameter.axis, picture(bottom)) != 1:
        raise LayerError(f"axis {parameter.axis}: channels anywhere but on axis 1 cannot be converted")
    channels, outputs, group = known(bottom[1]), parameter.num_output, parameter.group
    if outputs < 1 or group < 1:
        raise LayerError(f"num_output {outputs} and group {group} must be positive")
    if channels % group or outputs % group:
        raise LayerError(f"group {group} does not divide {channels} input and {outputs} output channels")
    return channels


def _with_bias(parameter: Any, weights: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [weights, (parameter.num_output,)] if parameter.bias_term else [weights]


def _positions(size: int, axis: int, window: Window) -> int:
    return window.room(size, axis) // window.stride[axis] + 1


def _moved(bottom: Shape, channels: int, window: Window, resize: Callable[[int, int], int]) -> Shape:
    sizes = [None if size is None else resize(size, axis) for axis, size in enumerate(bottom[2:])]
    if any(size is not None and size < 1 for size in sizes):
        raise LayerError(f"a kernel {window.kernel} with pad {window.padding} leaves nothing of {written(bottom)}")
    return (bottom[0], channels, *sizes)


@shape_rule("Pooling", tops=range(1, 3))
def pooling(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Round the size up (unless told to round down); drop a last window that would start in the padding."""
    parameter, bottom = layer.pooling_param, picture(bottoms[0])
    method = enum_name(parameter, "pool")
    if method == "STOCHASTIC":
        raise LayerError("stochastic pooling is random even in the test phase and cannot be converted")
    if len(layer.top) == 2:
        if method != "MAX":
            raise LayerError("only MAX pooling has a second top, the positions of the maxima")
        known(bottom[3])
    window = pooling_window(parameter, bottom[2:])
    if parameter.global_pooling:
        top = (*bottom[:2], 1, 1)
    else:
        top = _moved(bottom, bottom[1], window, lambda size, axis: pooled_size(size, axis, window, parameter))
    return Shapes([top] * len(layer.top))


def pooled_size(size: int, axis: int, window: Window, parameter: Any) -> int:
    """Return how many windows fit along `axis` (0: height) of a picture of `size`, as Caffe counts."""
    room, stride = window.room(size, axis), window.stride[axis]
    windows = (room // stride if rounds_down(parameter) else -(-room // stride)) + 1
    if any(window.padding) and (windows - 1) * stride >= size + window.padding[axis]:
        windows -= 1
    return windows


def rounds_down(parameter: Any) -> bool:
    """Return whether a PoolingParameter asks for sizes rounded down."""
    return enum_name(parameter, "round_mode") == "FLOOR"


@shape_rule("LRN")
def lrn(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Check the size of the neighbourhood."""
    if layer.lrn_param.local_size % 2 == 0:
        raise LayerError(f"local_size {layer.lrn_param.local_size} must be odd")
    return Shapes([picture(bottoms[0])])
