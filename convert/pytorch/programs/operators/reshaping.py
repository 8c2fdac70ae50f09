"""Other sizes for the same numbers: views, flattening, transposition, repetition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import KerasTensor, ops

from convert.axes import keras_permutation, source_permutation
from convert.pytorch.programs.context import Context
from convert.pytorch.programs.elementwise import check_constant
from convert.pytorch.programs.registry import operator
from convert.pytorch.programs.sizes import (
    batch_ratio,
    by_sizes,
    has_batch,
    has_numbers_of_inputs,
    is_known,
    multiple_of,
    reshaped_by_sizes,
)
from convert.pytorch.programs.values import BatchNeeded, FreeSize, OperatorError, Value, whole, wholes
from layers import PixelShuffle2D, RangeBySizes

MAX_REPEATS = 1 << 12
_BATCH = "makes sizes of that of the batch: give the size of the input as `input_shape`"


@operator("view", "reshape", "_unsafe_view", "_reshape_alias", "view_copy")
def reshape(context: Context, self: Value, size: Any, stride: Any = None) -> Value:
    """The numbers in other sizes, of which one may be -1."""
    sizes = list(size)
    if self.is_constant:  # a free size is one that `expand` left to broadcasting
        return self.view(self.tensor.reshape([1 if isinstance(size, FreeSize) else whole(size) for size in sizes]))
    return self.view(_reshaped(context, self, sizes))


def _reshaped(context: Context, value: Value, sizes: Sequence[Any]) -> KerasTensor:
    """Return a tensor in PyTorch's order with other sizes."""
    source, shape = value.source(), value.shape
    has_batch_axis = shape[:1] == (None,) and context.anchor.shape[0] is None and has_numbers_of_inputs(value.sized)
    batch = context.batch if has_batch_axis else 0
    wanted = [-1 if isinstance(size, FreeSize) else whole(size) for size in sizes]
    free = [axis for axis, size in enumerate(shape) if size is None]
    frees = [size for size in sizes if isinstance(size, FreeSize)]
    if not free and wanted.count(-1) <= 1:
        return ops.reshape(source, wanted)
    is_formula = wanted.count(-1) == 2 and len(frees) == 1 and not multiple_of(frees[0]) and is_known(frees[0])
    if len(free) == 1 and len(frees) <= 1 and not is_formula and not _is_joined(shape, wanted, frees):
        if wanted.count(-1) == 1 and (frees or not batch):
            return ops.reshape(source, wanted)
        return ops.reshape(source, _with_free(batch, _ratios(context, value, frees), shape, free[0], sizes, wanted))
    unknown = [place for place, size in enumerate(sizes) if isinstance(size, FreeSize) and not is_known(size)]
    if len(unknown) == 1 and -1 not in sizes:
        sizes = [*sizes[: unknown[0]], -1, *sizes[unknown[0] + 1 :]]
    return reshaped_by_sizes(source, _with_batch(context, batch, sizes))


def _is_joined(shape: Sequence[int | None], wanted: Sequence[int], frees: Sequence[FreeSize]) -> bool:
    """Return whether a free size and a -1 are to be made of a single free axis, which then is not that of a batch."""
    known = [math.prod(size for size in sizes if size not in (None, -1)) for sizes in (shape, wanted)]
    return len(frees) == 1 and wanted.count(-1) == 2 and known[0] == known[1]


def _ratios(context: Context, value: Value, frees: Sequence[FreeSize]) -> tuple[int, int]:
    """Return how many positions the free axis has for each picture of a batch, and how many the free size, if any."""
    if context.anchor.shape[0] is not None:
        return 1, 1
    size, factor = (multiple_of(frees[0]) if frees else None) or (FreeSize(context.anchor, 0), 1)
    tensors = [value.sized, size.value.sized]  # type: ignore[union-attr]
    axis, given = (batch_ratio(tensor, context.ratios) for tensor in tensors)
    return axis, given * factor


def _with_free(
    batch: int, ratios: tuple[int, int], shape: Sequence[int | None], free: int, sizes: Sequence[Any], wanted: list[int]
) -> list[int]:
    """Return wanted sizes with -1 in the place of the batch, in which axis `free` is, the only size that is.

    A program that was recorded has the number of its pictures where its network computed with the size of the batch.
    For each picture there are so many positions as `ratios` has of the axis and of the free one of the wanted sizes.

    Raises:
        BatchNeeded: it cannot be told where in them the batch is.
    """
    before, after = (math.prod(whole(size) for size in part) for part in (shape[:free], shape[free + 1 :]))
    after *= ratios[0]  # positions of one picture
    total = before * batch * after
    frees = [size for size in sizes if isinstance(size, FreeSize)]
    known = math.prod(size for size in wanted if size != -1)
    if len(frees) == 1 and wanted.count(-1) == 2 and multiple_of(frees[0]):  # that of the batch, and a -1
        rest = before * after // (known * ratios[1])
        return [-1 if size is frees[0] else rest if one == -1 else one for size, one in zip(sizes, wanted, strict=True)]
    if -1 in wanted and not frees:
        wanted[wanted.index(-1)] = total // known if known else 0
    for place, size in enumerate(sizes):
        is_batch = isinstance(size, FreeSize) or wanted[place] == batch
        if is_batch and (math.prod(wanted[:place]), math.prod(wanted[place + 1 :])) == (before, after):
            return [*wanted[:place], -1, *wanted[place + 1 :]]
    if free == 0 and math.prod(wanted) == total:
        return [-1, *wanted[1:]]  # the outermost axis, to which others are joined
    raise BatchNeeded(_BATCH)


def _with_batch(context: Context, batch: int, sizes: Sequence[Any]) -> list[Any]:
    """Return the sizes of a tensor whose first axis is that of a batch, or of all parts of its pictures.

    Of a tensor that has none, `batch` is 0.

    Raises:
        BatchNeeded: there is no batch among them, as the program was recorded with so many pictures.
    """
    if not batch or has_batch(sizes[0]) or sizes[0] == -1:
        return list(sizes)
    if sizes[0] != batch:
        raise BatchNeeded(_BATCH)
    return [FreeSize(context.anchor, 0), *sizes[1:]]


@operator("view_as", "reshape_as")
def reshape_as(context: Context, self: Value, other: Value) -> Value:
    """The numbers in the sizes of another tensor."""
    return reshape(context, self, [FreeSize(other, axis) if n is None else n for axis, n in enumerate(other.shape)])


@operator("flatten")
def flatten(context: Context, self: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    """Some neighbouring axes as one."""
    start, end = self.axis(start_dim), self.axis(end_dim)
    sizes = [FreeSize(self, axis) if size is None else size for axis, size in enumerate(self.shape)]
    inner = sizes[start : end + 1]
    joined: Any = -1 if any(isinstance(size, FreeSize) for size in inner) else math.prod(inner)
    return reshape(context, self, [*sizes[:start], joined, *sizes[end + 1 :]])


@operator("unflatten")
def unflatten(context: Context, self: Value, dim: int, sizes: Any) -> Value:
    """One axis as several."""
    axis = self.axis(dim)
    before = [FreeSize(self, number) if size is None else size for number, size in enumerate(self.shape)]
    return reshape(context, self, [*before[:axis], *sizes, *before[axis + 1 :]])


@operator("squeeze")
def squeeze(context: Context, self: Value, dim: Any = None) -> Value:
    """Without axes of size 1: those that are named, or all."""
    named = range(self.rank) if dim is None else [self.axis(one) for one in wholes(dim)]
    axes = tuple(axis for axis in named if self.shape[axis] == 1)
    if dim is None and self.shape[:1] == (None,) and context.batch <= 1 and not self.is_constant:
        raise BatchNeeded("takes the axis of the batch away as well")
    return self.view(ops.squeeze(self.source(), axis=axes) if axes else self.source())


@operator("unsqueeze")
def unsqueeze(context: Context, self: Value, dim: int) -> Value:
    """With a further axis of size 1."""
    axis = dim if dim >= 0 else dim + self.rank + 1
    return self.view(ops.expand_dims(self.source(), axis))


@operator("permute")
def permute(context: Context, self: Value, dims: Any) -> Value:
    """The axes in another order."""
    order = [self.axis(one) for one in wholes(dims)]
    if self.is_constant:
        return self.view(self.tensor.transpose(order))
    before, after = source_permutation(self.rank), keras_permutation(self.rank)
    return self.alias(ops.transpose(self.tensor, [before[order[axis]] for axis in after]))


@operator("transpose", "swapaxes", "swapdims")
def transpose(context: Context, self: Value, dim0: int, dim1: int) -> Value:
    """Two axes exchanged."""
    order = list(range(self.rank))
    first, second = self.axis(dim0), self.axis(dim1)
    order[first], order[second] = second, first
    return permute(context, self, order)


@operator("t", "numpy_T", "mT")
def transpose_matrix(context: Context, self: Value) -> Value:
    """The last two axes exchanged; a vector stays."""
    return self if self.rank < 2 else transpose(context, self, -2, -1)


@operator("movedim")
def move_axes(context: Context, self: Value, source: Any, destination: Any) -> Value:
    """Axes moved to other places."""
    moved = [self.axis(one) for one in wholes(source)]
    places = [self.axis(one) for one in wholes(destination)]
    order = [axis for axis in range(self.rank) if axis not in moved]
    for place, axis in sorted(zip(places, moved, strict=True)):
        order.insert(place, axis)
    return permute(context, self, order)


@operator("expand", "broadcast_to")
def expand(context: Context, self: Value, size: Any, implicit: bool = False) -> Value:
    """Axes of size 1 repeated; -1 leaves a size as it is."""
    sizes = list(size)
    missing = len(sizes) - self.rank
    source = self.source()
    if missing:
        source = ops.expand_dims(source, tuple(range(missing)))
    shape = (1,) * missing + self.shape
    is_weight = self.dtype == "float32" and (self.is_constant or not has_numbers_of_inputs(self.sized))
    for axis, (wanted, found) in enumerate(zip(sizes, shape, strict=True)):
        if isinstance(wanted, FreeSize):
            continue  # that of the tensor itself, or of one that it is joined to by broadcasting, but for weights
        number = whole(wanted)
        if found == 1 and number not in (-1, 1):
            if self.is_constant:
                check_constant((*source.shape, number))
            source = ops.repeat(source, number, axis=axis)
        elif found is not None and number not in (-1, found):
            raise OperatorError(f"expands the size {found} to {number}")
    for axis, (wanted, found) in enumerate(zip(sizes, shape, strict=True)):
        if isinstance(wanted, FreeSize) and found == 1 and is_weight:
            source = _along(context, Value.from_source(source), axis, wanted)
    return self.view(source)


@operator("expand_as")
def expand_as(context: Context, self: Value, other: Value) -> Value:
    """Axes of size 1 repeated as another tensor has them."""
    return expand(context, self, [FreeSize(other, axis) if n is None else n for axis, n in enumerate(other.shape)])


@operator("repeat", "tile")
def repeat(context: Context, self: Value, repeats: Any) -> Value:
    """The whole repeated along each axis."""
    if any(isinstance(count, FreeSize) for count in repeats):
        return _repeated_by_sizes(context, self, repeats)
    counts = wholes(repeats)
    source = self.source()
    if len(counts) > self.rank:
        source = ops.expand_dims(source, tuple(range(len(counts) - self.rank)))
    counts = (1,) * (len(source.shape) - len(counts)) + counts
    if max(counts, default=1) > MAX_REPEATS:
        raise OperatorError(f"repeats {max(counts)} times; at most {MAX_REPEATS:,} are allowed")
    if self.is_constant:
        return Value(_repeated(self.tensor, counts))
    for axis, count in enumerate(counts):
        if count != 1:
            source = ops.concatenate([source] * count, axis=axis)
    return Value.from_source(source)


def _repeated_by_sizes(context: Context, value: Value, repeats: Sequence[Any]) -> Value:
    """Return a tensor whose axes of size 1 are repeated by free sizes."""
    known = [1 if isinstance(count, FreeSize) else count for count in repeats]
    repeated = repeat(context, value, known)
    source = context.tensor(repeated)
    for axis, count in enumerate(repeats):
        if has_batch(count) and context.anchor.shape[0] is None and source.shape[axis] != 1:
            raise BatchNeeded(_BATCH)
        if isinstance(count, FreeSize) and source.shape[axis] != 1:
            raise OperatorError("repeats an axis of several positions as often as a free size says")
        if isinstance(count, FreeSize):
            source = _along(context, Value.from_source(source), axis, count)
    return Value.from_source(source)


def _along(context: Context, value: Value, axis: int, count: FreeSize) -> KerasTensor:
    """Return a tensor in PyTorch's order whose axis of size 1 is repeated as often as a free size says."""
    places = by_sizes(RangeBySizes, context.anchor.sized, [0, count])
    return ops.take(context.tensor(value), ops.zeros_like(places), axis=axis)


def _repeated(array: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    array = array.reshape((1,) * (len(counts) - array.ndim) + array.shape)
    check_constant([size * count for size, count in zip(array.shape, counts, strict=True)])
    return np.tile(array, counts)


@operator("pixel_shuffle")
def pixel_shuffle(context: Context, self: Value, upscale_factor: int) -> Value:
    """Channels made squares of pixels."""
    return Value(PixelShuffle2D(whole(upscale_factor))(self.tensor))


@operator("pixel_unshuffle")
def pixel_unshuffle(context: Context, self: Value, downscale_factor: int) -> Value:
    """Squares of pixels made channels."""
    factor = whole(downscale_factor)
    channels = self.shape[1]
    if self.rank != 4 or channels is None:
        raise OperatorError(f"takes pictures with known channels, not the shape {self.shape}")
    squares = [self.tensor[:, row::factor, column::factor] for row in range(factor) for column in range(factor)]
    # Joined, the new channels are in the order (row, column, channel), PyTorch's in (channel, row, column).
    order = np.arange(channels * factor**2).reshape(factor, factor, channels).transpose(2, 0, 1).ravel()
    return Value(ops.take(ops.concatenate(squares, axis=-1), order, axis=-1))


@operator("channel_shuffle")
def channel_shuffle(context: Context, self: Value, groups: int) -> Value:
    """Channels of groups interleaved."""
    channels = self.shape[1]
    if self.rank != 4 or channels is None:
        raise OperatorError(f"takes pictures with known channels, not the shape {self.shape}")
    order = np.arange(channels).reshape(whole(groups), -1).T.ravel()
    return Value(ops.take(self.tensor, order, axis=-1))


@operator("alias", "contiguous", "detach")
def identity(context: Context, self: Value, *options: Any) -> Value:
    """The same tensor."""
    return self.alias(self.tensor)


@operator("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
def drop(context: Context, input: Value, p: float, train: bool) -> Value:
    """The same tensor: only training drops numbers."""
    if train and p:
        raise OperatorError("drops numbers at random, as in training: export the network after model.eval()")
    return input.alias(input.tensor)


@operator("clone", "lift_fresh_copy")
def clone(context: Context, self: Value, memory_format: Any = None) -> Value:
    """A copy."""
    return Value(self.tensor.copy() if self.is_constant else self.tensor, self.name)
