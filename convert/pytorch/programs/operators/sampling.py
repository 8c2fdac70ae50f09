"""Pictures sampled at places that the network computes: spatial transformers, and warping by a flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

from convert.functions import added
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.elementwise import elementwise
from convert.pytorch.programs.operators.creation import linspace
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.values import OperatorError, Value
from layers import GridSampling2D

# PyTorch's numbers of interpolations and paddings.
_INTERPOLATIONS = {0: "bilinear", 1: "nearest"}
_PADDING_MODES = {0: "zeros", 1: "border", 2: "reflection"}


@operator("grid_sampler", "grid_sampler_2d")
def sample(
    context: Context, input: Value, grid: Value, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Value:
    """The pixels of pictures at the places (x, y) of a grid."""
    if input.rank != 4 or interpolation_mode not in _INTERPOLATIONS:
        raise OperatorError("is supported for pictures, with the nearest pixel or bilinear interpolation")
    pictures = Value.from_source(context.tensor(input)).tensor
    layer = GridSampling2D(_INTERPOLATIONS[interpolation_mode], _PADDING_MODES[padding_mode], bool(align_corners))
    return Value(layer([pictures, context.tensor(grid)]))


@operator("affine_grid_generator")
def affine_grid(context: Context, theta: Value, size: Sequence[Any], align_corners: bool) -> Value:
    """The places (x, y) over a whole picture of the height and width of `size`, each times a matrix of 2 x 3."""
    if len(size) != 4:
        raise OperatorError("is supported for pictures")
    height, width = (_places(context, side, align_corners).tensor for side in size[2:])
    parts = context.tensor(theta)[:, None, None, :, :]
    moved = added(parts[..., 0] * width[:, None], parts[..., 1] * height[:, None, None])
    return Value.from_source(added(moved, parts[..., 2]))


def _places(context: Context, side: Any, align_corners: bool) -> Value:
    """Return the middles of the pixels along an axis; -1 and 1 are those at the edge, or their outer edges."""
    places = linspace(context, -1, 1, side)
    if align_corners:
        return places
    return elementwise(context, lambda x, n: ops.multiply(x, ops.true_divide(ops.subtract(n, 1), n)), places, side)
