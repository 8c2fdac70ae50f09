"""Shapes around the layers of networks that tell how one picture becomes the next: FlowNet and DispNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convert.caffe.file.schema import enum_name
from convert.caffe.network import LayerError
from convert.caffe.shapes import Shape, Shapes, agree, known, picture, shape_rule, written

MAX_SHIFTS = 4096  # channels of a correlation, each of which is computed for itself
MAX_SIDE = 16_384
MAX_RESAMPLED = 4096  # pixels of a side: each side takes a matrix of old times new ones


@shape_rule("Correlation", "Correlation1D", bottoms=2)
def correlation(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make a channel of each shift of the second bottom against the first."""
    parameter, bottom = layer.correlation_param, picture(bottoms[0])
    if not agree(*bottoms):
        raise LayerError(f"bottoms of different shapes, {written(bottom)} and {written(bottoms[1])}")
    kernel, stride = parameter.kernel_size, parameter.stride_1
    if kernel % 2 == 0 or kernel > MAX_SIDE or not all(1 <= n <= MAX_SIDE for n in (stride, parameter.stride_2)):
        raise LayerError(f"kernel_size {kernel} must be odd, stride_1 and stride_2 positive, at most {MAX_SIDE}")
    if parameter.do_abs or parameter.single_direction not in (-1, 0, 1):
        raise LayerError("do_abs is not supported, and single_direction must be -1, 0 or 1")
    if max(parameter.pad, parameter.max_displacement) > MAX_SIDE:
        raise LayerError(f"pad and max_displacement must be at most {MAX_SIDE}")
    padding, border = paddings_and_borders(layer)
    sizes = []
    for size, zeros, edge in zip(bottom[2:], padding, border, strict=True):
        left = None if size is None else size + 2 * (zeros - edge) - kernel + 1
        sizes.append(None if left is None else -(-left // stride))
    rows, columns = shifts(layer)
    if len(rows) * len(columns) > MAX_SHIFTS:
        raise LayerError(f"has {len(rows) * len(columns)} shifts; at most {MAX_SHIFTS} are allowed")
    return Shapes([(bottom[0], len(rows) * len(columns), *sizes)])


def paddings_and_borders(layer: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the zeros around both bottoms, and the border where no window begins, each for rows and columns."""
    parameter = layer.correlation_param
    if layer.type == "Correlation1D":
        return (0, parameter.pad), (0, parameter.max_displacement)
    return (parameter.pad,) * 2, (parameter.max_displacement,) * 2


def shifts(layer: Any) -> tuple[range, range]:
    """Return the shifts in pixels, of rows and of columns.

    To the left alone, DispNet's layer begins one shift further out than its largest displacement, and ends before 0.
    """
    parameter = layer.correlation_param
    step, radius = parameter.stride_2, parameter.max_displacement // parameter.stride_2
    both = range(-radius * step, radius * step + 1, step)
    if layer.type == "Correlation":
        return both, both
    one_sided = {-1: range(-(radius + 1) * step, 0, step), 0: both, 1: range(0, radius * step + 1, step)}
    return range(1), one_sided[parameter.single_direction]


@shape_rule("FlowWarp", bottoms=2)
def flow_warp(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape of the pictures; the flow has two channels."""
    pictures, flows = map(picture, bottoms)
    if not agree((pictures[0], 2, *pictures[2:]), flows):
        raise LayerError(f"a flow of {written(flows)} does not match pictures of {written(pictures)}")
    if enum_name(layer.flow_warp_param, "fill_value") != "ZERO":
        raise LayerError("fill_value NOT_A_NUMBER is not supported; only ZERO is")
    return Shapes([pictures])


@shape_rule("ChannelNorm")
def channel_norm(_layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make one channel of all."""
    bottom = picture(bottoms[0])
    return Shapes([(bottom[0], 1, *bottom[2:])])


@shape_rule("Resample", bottoms=range(1, 3))
def resample(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Resize to a given size, or to that of the second bottom."""
    bottom, parameter = picture(bottoms[0]), layer.resample_param
    if enum_name(parameter, "type") == "AREA":
        raise LayerError("type AREA is not supported; NEAREST, LINEAR and CUBIC are")
    size = picture(bottoms[1])[2:] if len(bottoms) == 2 else (parameter.height, parameter.width)
    # The filter's weights depend on both sizes.
    if not all(1 <= known(side) <= MAX_RESAMPLED for side in (*bottom[2:], *size)):
        raise LayerError(f"height and width must be from 1 to {MAX_RESAMPLED}")
    return Shapes([(*bottom[:2], *size)])
