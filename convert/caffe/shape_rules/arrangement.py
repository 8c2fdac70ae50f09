"""Shapes around the layers that arrange numbers anew: join, cut, repeat, reshape, add up."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from convert.caffe.network import LayerError
from convert.caffe.shapes import (
    OpenSizeError,
    Shape,
    Shapes,
    agree,
    canonical_axis,
    check_reshape,
    count,
    known,
    picture,
    shape_rule,
    written,
)

MANY = range(1, 1001)
MAX_SHUFFLED = 65_536  # channels
MAX_FACTOR = 64  # of a pixel shuffle


@shape_rule("Concat", bottoms=MANY)
def concat(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Add up the sizes of one axis."""
    axis = joined_axis(layer.concat_param, "concat_dim", bottoms[0])
    first = bottoms[0]
    for bottom in bottoms[1:]:
        if not agree((*bottom[:axis], *bottom[axis + 1 :]), (*first[:axis], *first[axis + 1 :])):
            raise LayerError(f"cannot join {written(first)} and {written(bottom)} along axis {axis}")
    sizes = [bottom[axis] for bottom in bottoms]
    return Shapes([(*first[:axis], None if None in sizes else sum(map(known, sizes)), *first[axis + 1 :])])


def joined_axis(parameter: Any, old_field: str, shape: Shape) -> int:
    """Return the axis of Concat or Slice, given as `axis` or in the old field, which knows no negative ones."""
    if not parameter.HasField(old_field):
        return canonical_axis(parameter.axis, shape)
    if parameter.HasField("axis"):
        raise LayerError(f"has both axis and {old_field}; only one of them is allowed")
    return canonical_axis(getattr(parameter, old_field), shape)


@shape_rule("Slice", tops=MANY)
def slices(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Cut one axis at the given points, or into equal parts."""
    bottom = bottoms[0]
    axis = joined_axis(layer.slice_param, "slice_dim", bottom)
    points = slice_points(layer, known(bottom[axis]))
    sizes = [end - start for start, end in itertools.pairwise(points)]
    return Shapes([(*bottom[:axis], size, *bottom[axis + 1 :]) for size in sizes])


def slice_points(layer: Any, size: int) -> list[int]:
    """Return where a Slice layer cuts an axis of `size`, with 0 and `size` around."""
    parts, points = len(layer.top), list(layer.slice_param.slice_point)
    if not points:
        if size % parts:
            raise LayerError(f"{parts} tops do not divide an axis of {size} evenly")
        return list(range(0, size + 1, size // parts))
    if len(points) != parts - 1:
        raise LayerError(f"has {len(points)} slice points for {parts} tops")
    points = [0, *points, size]
    if points != sorted(set(points)):
        raise LayerError(f"slice points {points[1:-1]} must increase, from at least 1 to less than {size}")
    return points


@shape_rule("Crop", bottoms=2)
def crop(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Cut each axis from `axis` on to the size that the second bottom has there."""
    bottom, reference = bottoms
    axis = canonical_axis(layer.crop_param.axis, bottom)
    offsets = crop_offsets(layer, bottom)
    if len(reference) != len(bottom):
        raise LayerError(f"cannot crop {written(bottom)} to {written(reference)}")
    for offset, own, wanted in zip(offsets, bottom[axis:], reference[axis:], strict=True):
        if own is not None and wanted is not None and offset + wanted > own:
            raise LayerError(f"cannot crop {written(bottom)} to {written(reference)} with offsets {offsets}")
    # An open height and width are cropped together; any other axis needs its sizes.
    if axis != 2 or len(bottom) != 4:
        count(bottom[axis:] + reference[axis:])
    return Shapes([(*bottom[:axis], *reference[axis:])])


def crop_offsets(layer: Any, bottom: Shape) -> list[int]:
    """Return the offset of each axis from the crop axis on."""
    cropped = len(bottom) - canonical_axis(layer.crop_param.axis, bottom)
    offsets = list(layer.crop_param.offset) or [0]
    if len(offsets) not in (1, cropped):
        raise LayerError(f"has {len(offsets)} offsets; 1 or {cropped}, one for each cropped axis, are needed")
    return offsets * cropped if len(offsets) == 1 else offsets


@shape_rule("CropCenter")
def crop_center(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Cut the given number off both ends of each axis."""
    borders = list(layer.crop_center_param.crop_size)
    if len(borders) != len(bottoms[0]):
        raise LayerError(f"has {len(borders)} crop sizes for a blob of {len(bottoms[0])} axes")
    sizes = zip(bottoms[0], borders, strict=True)
    return Shapes([tuple(None if size is None else size - 2 * border for size, border in sizes)])


@shape_rule("Split", tops=MANY)
def split(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Hand the bottom on to every top."""
    return Shapes([bottoms[0]] * len(layer.top))


@shape_rule("Tile")
def tile(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Multiply the size of one axis."""
    bottom, parameter = bottoms[0], layer.tile_param
    axis = canonical_axis(parameter.axis, bottom)
    if parameter.tiles < 1:
        raise LayerError(f"tiles {parameter.tiles} must be positive")
    size = None if bottom[axis] is None else bottom[axis] * parameter.tiles
    return Shapes([(*bottom[:axis], size, *bottom[axis + 1 :])])


@shape_rule("Reduction")
def reduction(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Drop all axes from `axis` on."""
    return Shapes([bottoms[0][: canonical_axis(layer.reduction_param.axis, bottoms[0])]])


@shape_rule("Permute")
def permute(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Put the axes into another order."""
    return Shapes([tuple(bottoms[0][axis] for axis in axis_order(layer, bottoms[0]))])


def axis_order(layer: Any, bottom: Shape) -> list[int]:
    """Return which axis of `bottom` goes where; those that a Permute layer does not name follow as they stand."""
    order = list(layer.permute_param.order)
    if len(set(order)) != len(order) or any(axis >= len(bottom) for axis in order):
        raise LayerError(f"order {order} must name different axes of {len(bottom)}")
    return [*order, *(axis for axis in range(len(bottom)) if axis not in order)]


@shape_rule("Transpose")
def transpose(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Put all axes into another order."""
    order = list(layer.transpose_param.dim)
    if sorted(order) != list(range(len(bottoms[0]))):
        raise LayerError(f"dim {order} must name each of {len(bottoms[0])} axes once")
    return Shapes([tuple(bottoms[0][axis] for axis in order)])


@shape_rule("Reverse")
def reverse(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape."""
    canonical_axis(layer.reverse_param.axis, bottoms[0])
    return Shapes([bottoms[0]])


@shape_rule("ShuffleChannel")
def shuffle_channel(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Keep the shape; the groups are of equal size."""
    channels, group = known(picture(bottoms[0])[1]), layer.shuffle_channel_param.group
    if channels > MAX_SHUFFLED:
        raise LayerError(f"has {channels} channels; {MAX_SHUFFLED} are allowed")
    if group < 1 or channels % group:
        raise LayerError(f"group {group} does not divide {channels} channels")
    return Shapes([bottoms[0]])


@shape_rule("PixelShuffle")
def pixel_shuffle(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make squares of pixels of channels; height and width may be free."""
    batch, *sizes = picture(bottoms[0])
    factor, channels = layer.pixel_shuffle_param.upscale_factor, known(sizes[0])
    if not 1 <= factor <= MAX_FACTOR or channels % factor**2:
        raise LayerError(
            f"upscale_factor {factor}: from 1 to {MAX_FACTOR}, and its square must divide {channels} channels"
        )
    height, width = (None if size is None else size * factor for size in sizes[1:])
    return Shapes([(batch, channels // factor**2, height, width)])


@shape_rule("Reorg")
def reorg(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make channels of squares of pixels."""
    batch, *sizes = picture(bottoms[0])
    stride, (channels, height, width) = layer.reorg_param.stride, map(known, sizes)
    if layer.reorg_param.reverse:
        raise LayerError("reverse: only the direction from pixels to channels is converted")
    if stride < 1 or channels % stride**2 or height % stride or width % stride:
        raise LayerError(f"stride {stride} must divide {height} x {width} pixels, its square {channels} channels")
    return Shapes([(batch, channels * stride**2, height // stride, width // stride)])


@shape_rule("Flatten")
def flatten(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Make one axis of those from `axis` to `end_axis`."""
    bottom, parameter = bottoms[0], layer.flatten_param
    first, last = (canonical_axis(axis, bottom) for axis in (parameter.axis, parameter.end_axis))
    if first > last:
        raise LayerError(f"axis {parameter.axis} is after end_axis {parameter.end_axis}")
    merged = bottom[first : last + 1]
    top = (*bottom[:first], None if None in merged else count(merged), *bottom[last + 1 :])
    check_reshape(top, keeps_batch=keeps_batch(layer))
    return Shapes([top])


@shape_rule("Reshape")
def reshape(layer: Any, bottoms: Sequence[Shape]) -> Shapes:
    """Replace axes by new ones: 0 copies a size, -1 stands for what is left."""
    bottom = bottoms[0]
    first, last = _replaced_axes(layer.reshape_param, bottom)
    wanted = list(layer.reshape_param.shape.dim)
    if wanted.count(-1) > 1 or min(wanted, default=0) < -1:
        raise LayerError(f"cannot reshape to {wanted}: one -1 is allowed, no other negative sizes")
    sizes: list[int | None] = [*bottom[:first], *wanted, *bottom[last:]]
    for axis in range(first, first + len(wanted)):
        if sizes[axis] == 0:
            if axis >= len(bottom):
                raise LayerError(f"cannot copy the size of axis {axis} of a blob with {len(bottom)} axes")
            sizes[axis] = bottom[axis]
    top = _fill_in(sizes, bottom)
    check_reshape(top, keeps_batch=keeps_batch(layer))
    return Shapes([top])


def keeps_batch(layer: Any) -> bool:
    """Return whether a Flatten or Reshape layer leaves the first axis, the batch, as it is."""
    if layer.type == "Flatten":
        return layer.flatten_param.axis > 0
    parameter = layer.reshape_param
    return parameter.axis > 0 or (parameter.axis == 0 and list(parameter.shape.dim[:1]) == [0])


def _replaced_axes(parameter: Any, bottom: Shape) -> tuple[int, int]:
    """Return the first axis that is replaced and the first after them."""
    first = parameter.axis if parameter.axis >= 0 else len(bottom) + parameter.axis + 1
    last = len(bottom) if parameter.num_axes == -1 else first + parameter.num_axes
    if not 0 <= first <= last <= len(bottom):
        raise LayerError(f"axis {parameter.axis} and num_axes {parameter.num_axes} of a blob with {len(bottom)} axes")
    return first, last


def _fill_in(top: list[int | None], bottom: Shape) -> Shape:
    """Return `top` with the size for -1, after checking that it has as many numbers as `bottom`.

    Sizes that are open are taken out of the account where they were copied.
    """
    rest = list(bottom)
    for _ in range(top.count(None)):
        if None not in rest:
            raise OpenSizeError
        rest.remove(None)
    if None in rest:
        if -1 not in top:
            raise OpenSizeError
        return tuple(None if size == -1 else size for size in top)
    left, explicit = count(tuple(rest)), count(tuple(size for size in top if size not in (None, -1)))
    if left % explicit or (-1 not in top and left != explicit):
        raise LayerError(f"cannot reshape {written(bottom)} to {written(tuple(top))}")
    return tuple(left // explicit if size == -1 else size for size in top)
