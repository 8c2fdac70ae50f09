"""Modules that pick, move and reshape, in Torch7's order of dimensions."""

from __future__ import annotations

import itertools
import math
import operator

import keras
from keras import KerasTensor, ops

from convert.torch7.context import Context
from convert.torch7.dimensions import dimension_of, has_batch
from convert.torch7.module import Module
from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Cell, Slices, Value, select

MAX_COPIES = 4096


@converts("nn.Select")
def select_index(module: Module, cell: Cell) -> Cell:
    """A copy of one slice along a dimension, counted from 1 or from the end (negative)."""
    index, dimension = module.integer("index"), dimension_of(module, cell)
    cell.keep_batch(dimension)
    return select(cell, dimension, index - 1 if index > 0 else index)


@converts_values("nn.SplitTable")
def split_table(module: Module, value: Value) -> Value:
    """A table of all slices along a dimension, which share its memory."""
    cell = module.single(value)
    dimension = dimension_of(module, cell)
    cell.keep_batch(dimension)
    slices = Slices(cell, dimension)
    length = cell.sizes[dimension - 1]
    return slices if length is None else [slices.item(i) for i in range(length)]


@converts("nn.Narrow")
def narrow(module: Module, cell: Cell) -> KerasTensor:
    """A range along a dimension."""
    dimension = dimension_of(module, cell)
    cell.keep_batch(dimension)
    return cut(cell.tensor, cell.axis(dimension), _narrow_range(module.integer("index"), module.integer("length", 1)))


def _narrow_range(index: int, length: int) -> slice:
    """Return the range of nn.Narrow.

    A negative length -n ends n - 1 before the end. A negative index keeps the first (size - length) elements, where a
    negative length stands for size - index + length + 2, as Torch7 has it.
    """
    if index > 0:
        stop = index - 1 + length if length >= 0 else (length + 1 or None)
        return slice(index - 1, stop)
    return slice(0, -length if length > 0 else index - length - 2)


@converts("nn.Padding")
def padding(module: Module, cell: Cell) -> KerasTensor:
    """|pad| constant elements before position `index`, counted from the left (pad < 0) or from the right."""
    dimension = module.integer("dim")
    if module.get("nInputDim") is not None and cell.rank != module.integer("nInputDim"):
        dimension += 1
    if not 1 <= dimension <= cell.rank:
        raise module.fail_at_dimension("dim", dimension, cell.sizes)
    cell.keep_batch(dimension)
    pad, place = module.integer("pad", low=-4096, high=4096), module.integer("index", 1, low=1) - 1
    x, axis, value = cell.tensor, cell.axis(dimension), float(module.number("value", 0))
    if place == 0:
        return _pad_axis(x, axis, (0, pad) if pad > 0 else (-pad, 0), value)
    split = -place if pad > 0 else place
    head, tail = cut(x, axis, slice(0, split)), cut(x, axis, slice(split, None))
    return ops.concatenate([_pad_axis(head, axis, (0, abs(pad)), value), tail], axis=axis)


def _pad_axis(x: KerasTensor, axis: int, widths: tuple[int, int], value: float) -> KerasTensor:
    return ops.pad(x, [widths if i == axis else (0, 0) for i in range(len(x.shape))], constant_values=value)


def cut(x: KerasTensor, axis: int, part: slice) -> KerasTensor:
    """Return a range of a tensor along an axis."""
    return x[tuple(part if i == axis else slice(None) for i in range(len(x.shape)))]


@converts("nn.Transpose")
def transpose(module: Module, cell: Cell) -> Cell:
    """Swaps pairs of dimensions, one pair after the other."""
    order = list(range(len(cell.tensor.shape)))
    for pair in module.get("permutations").sequence():
        i, j = (cell.source_axis(int(dimension)) for dimension in pair.sequence())
        order[i], order[j] = order[j], order[i]
    return _permuted(cell, order)


def _permuted(cell: Cell, order: list[int]) -> Cell:
    if order[0] != 0:
        cell.keep_batch(1)
    return cell.from_source(ops.transpose(cell.source(), order))


@converts("nn.View")
def view(module: Module, cell: Cell, context: Context) -> Cell:
    """Other sizes for the same elements, in Torch7's order (channels, height, width).

    With numInputDims, dimensions before the last so many are the batch. Else what does not fit into the sizes is.
    """
    sizes = module.sizes("size")
    leading = cell.rank - module.integer("numInputDims", cell.rank, low=0)
    if leading > 0:
        return _view_samples(module, cell, leading, sizes, context)
    _expect_elements(cell, sizes, context)
    if cell.frame.hidden:
        return _view_whole(cell, sizes)
    if -1 in sizes:
        if sizes[0] > 0 or len(sizes) == 1:
            cell.keep_batch(1)
        return _reshaped(cell, sizes)
    # Four sizes that begin with 1 name the batch themselves.
    named = len(sizes) == 4 and sizes[0] == 1
    return _reshaped(cell, [-1, *(sizes[1:] if named or _name_batch(cell, sizes) else sizes)])


def _name_batch(cell: Cell, sizes: list[int]) -> bool:
    """Return whether the first of `sizes` is the batch of a training: samples fit into the others, as they did not."""
    sample, others = list(cell.sizes[1:]), sizes[1:]
    fits = None not in sample and math.prod(size or 0 for size in sample) == math.prod(others)
    return fits and sizes[0] > 1 and sample != others


def _expect_elements(cell: Cell, sizes: list[int], context: Context) -> None:
    """Note that samples are of as many elements as `sizes`, unless their last dimensions alone are.

    These make a row of a batch for each of the others, of whatever size: the features of each step of a sequence.
    """
    count = math.prod(sizes)
    last = [size or 0 for size in cell.sizes[::-1]]
    if -1 not in sizes and count not in itertools.accumulate(last, operator.mul):
        context.expect_elements(cell.tensor, count)


def _view_whole(cell: Cell, sizes: list[int]) -> Cell:
    """Return a sample with other sizes; more elements than fit into them make a batch."""
    count = None if None in cell.sizes else math.prod(size for size in cell.sizes if size)
    if -1 in sizes or count is None or count == math.prod(sizes):
        return _reshaped_samples(cell, sizes)
    return _reshaped_samples(cell, [-1, *sizes])


def _view_samples(module: Module, cell: Cell, leading: int, sizes: list[int], context: Context) -> Cell:
    """Reshape what follows the first `leading` dimensions, which become one."""
    if leading == 1 and not cell.frame.hidden:
        _expect_elements(cell, sizes, context)
    rest = cell.sizes[leading:]
    if sizes == [-1] and leading == 1 and not cell.frame.hidden:
        # Flatten is the one layer that keeps the batch free when height and width are free too.
        return cell.view(keras.layers.Flatten()(cell.source()))
    if -1 in sizes:
        if None in rest:
            raise module.fail(f"size -1 in {sizes} cannot be determined for an input of unknown size {cell.sizes}")
        missing = math.prod(size for size in rest if size) // max(1, math.prod(size for size in sizes if size != -1))
        sizes = [missing if size == -1 else size for size in sizes]
    return _reshaped(cell, [-1, *sizes]) if not cell.frame.hidden else _reshaped_samples(cell, [-1, *sizes])


@converts("nn.Reshape")
def reshape(module: Module, cell: Cell, context: Context) -> Cell:
    """Other sizes for the elements of each sample, or of the whole batch with batchMode false."""
    sizes, batch_mode = module.sizes("size"), module.get("batchMode")
    if not cell.frame.hidden:
        if batch_mode is False:
            cell.keep_batch(1)
            return _reshaped(cell, sizes)
        return _reshaped_each(module, cell, sizes, context)
    known = None not in cell.sizes
    same_count = not known or math.prod(size for size in cell.sizes if size) == math.prod(sizes)
    if batch_mode is False or (batch_mode is None and same_count and cell.sizes[:1] != (1,)):
        return _reshaped_samples(cell, sizes)
    return _reshaped_samples(cell, [cell.sizes[0] or -1, *sizes])


@converts("nn.BatchReshape")
def batch_reshape(module: Module, cell: Cell) -> Cell:
    """Other sizes for the elements, but for the dimension `index`, which takes as many as there are."""
    sizes = module.sizes("size")
    index = module.integer("index", low=1, high=len(sizes))
    sizes[index - 1] = -1
    if cell.frame.hidden:
        return _reshaped_samples(cell, sizes)
    if index > 1:
        cell.keep_batch(1)
    return _reshaped(cell, sizes)


def _reshaped_each(module: Module, cell: Cell, sizes: list[int], context: Context) -> Cell:
    """Give each sample of the batch other sizes, of as many elements: samples of another size are refused."""
    sample = [size for size in cell.sizes[1:] if size is not None]
    if len(sample) < cell.rank - 1:
        context.expect_elements(cell.tensor, math.prod(sizes))
        return _reshaped_samples(cell, sizes)
    if math.prod(sample) != math.prod(sizes) and _name_batch(cell, sizes):
        return _reshaped(cell, [-1, *sizes[1:]])
    if math.prod(sample) != math.prod(sizes):
        raise module.fail(f"makes {sizes} of samples of the sizes {sample}, which have another number of elements")
    return _reshaped(cell, [-1, *sizes])


def _reshaped(cell: Cell, sizes: list[int]) -> Cell:
    return cell.view(ops.reshape(cell.source(), sizes))


def _reshaped_samples(cell: Cell, sizes: list[int]) -> Cell:
    """Reshape all that Torch7 sees, behind the hidden axis."""
    return cell.view(keras.layers.Reshape(sizes)(cell.source()))


@converts("nn.Unsqueeze")
def unsqueeze(module: Module, cell: Cell) -> Cell:
    """A new dimension of size 1 at `pos`, counted in a sample of numInputDims dimensions."""
    dimension = module.integer("pos", low=1) + cell.rank - module.integer("numInputDims", cell.rank)
    if not 1 <= dimension <= cell.rank + 1:
        raise module.fail_at_dimension("pos", dimension, cell.sizes)
    return _with_axis(cell, dimension)


def _with_axis(cell: Cell, dimension: int) -> Cell:
    """Insert a dimension of size 1."""
    cell.keep_batch(dimension)
    return cell.view(ops.expand_dims(cell.source(), cell.source_axis(dimension)))


@converts("nn.Squeeze")
def squeeze(module: Module, cell: Cell) -> Cell:
    """Without one dimension of size 1, or without all of them but the batch; other sizes stay."""
    if module.get("dim") is None:
        first = 1 if has_batch(module, cell, "numInputDims") else 0
        dimensions = [i + 1 for i, size in enumerate(cell.sizes) if size == 1 and i >= first]
    else:
        dimension = dimension_of(module, cell, "dim", sample_rank="numInputDims")
        dimensions = [dimension] if cell.sizes[dimension - 1] == 1 else []
    if len(dimensions) == cell.rank:
        dimensions = dimensions[1:]
    axes = tuple(cell.source_axis(dimension) for dimension in dimensions)
    return cell.view(ops.squeeze(cell.source(), axis=axes)) if axes else cell


@converts("nn.FeatExpander")
def feature_expansion(module: Module, cell: Cell) -> Cell:
    """Each sample n times in a row, one for each of the sentences about a picture (neuraltalk2)."""
    count = module.integer("n", low=1, high=2**10)
    if count == 1:
        return cell
    if cell.frame.hidden:
        raise module.fail("is supported for inputs with a batch dimension only")
    cell.keep_batch(1)
    return cell.like(ops.repeat(cell.tensor, count, axis=0))


@converts("nn.Replicate")
def replicate(module: Module, cell: Cell) -> Cell:
    """A new dimension along which the tensor is repeated."""
    copies = module.integer("nfeatures", low=1, high=MAX_COPIES)
    dimension = module.integer("dim", 1, low=1)
    if module.get("ndim") is not None and cell.rank > module.integer("ndim"):
        dimension += 1
    if dimension > cell.rank + 1:
        raise module.fail_at_dimension("dim", dimension, cell.sizes)
    cell.keep_batch(dimension)
    axis = cell.source_axis(dimension)
    return cell.from_source(ops.repeat(ops.expand_dims(cell.source(), axis), copies, axis=axis))


@converts("nn.Collapse")
def collapse(module: Module, cell: Cell, context: Context) -> Cell:
    """All dimensions of a sample as one."""
    if cell.rank > module.integer("nInputDim", low=1):
        return _view_samples(module, cell, 1, [-1], context)
    if not cell.frame.hidden:
        cell.keep_batch(1)
        return _reshaped(cell, [-1])
    return cell.view(keras.layers.Flatten()(cell.source()))


@converts("nn.Convert")
def convert(module: Module, cell: Cell, context: Context) -> Cell:
    """From one order of dimensions to another, each given by letters such as bchw; f stands for all but the batch.

    `b*` stands for any dimensions, which stay; then the module only converts Torch7's number type.
    """
    given, wanted = (_letters(module, name) for name in ("inputShape", "outputShape"))
    if given == wanted:
        return cell
    given, wanted = (letters if "b" in letters else f"b{letters}" for letters in (given, wanted))
    batch_first = _exchanged(given, given.index("b"))  # Torch7 exchanges the batch with the first dimension
    if cell.rank == len(given) - 1:
        given, wanted, batch_first = (letters.replace("b", "") for letters in (given, wanted, batch_first))
    if cell.rank != len(given):
        raise module.fail(f"takes tensors {given}, but its input has the sizes {cell.sizes}")
    if sorted(given) == sorted(wanted):
        return _reordered(cell, given, wanted)
    return _convert_features(module, cell, given, wanted, batch_first, context)


def _reordered(cell: Cell, given: str, wanted: str) -> Cell:
    hidden = cell.frame.hidden
    return _permuted(cell, [*range(hidden), *(hidden + given.index(letter) for letter in wanted)])


def _convert_features(module: Module, cell: Cell, given: str, wanted: str, batch_first: str, context: Context) -> Cell:
    """Convert to `bf` (all but the batch in one), to `b` alone, or from `bf` to dimensions that have size 1 but one.

    `batch_first` is the order in which features are put into one.
    """
    if wanted in ("b", ""):
        return _without_features(module, cell, given)
    ordered = _reordered(cell, given, batch_first)
    if wanted in ("bf", "fb", "f", "bt", "t") and given != "bt":
        flat = _view_samples(module, ordered, 1, [-1], context) if "b" in given else _view_whole(ordered, [-1])
        return _reordered(flat, "bf", wanted.replace("t", "f")) if "b" in given else flat
    if set(given) <= {"b", "f"} and "f" in given:
        inner = [letter for letter in wanted if letter != "b"]
        channel = "c" if "c" in inner else "t" if inner == ["t"] else inner[-1]
        sizes = [ordered.sizes[-1] or -1 if letter == channel else 1 for letter in inner]
        shaped = _reshaped_samples(ordered, sizes) if "b" not in given else _reshaped(ordered, [-1, *sizes])
        return _reordered(shaped, ("b" if "b" in given else "") + "".join(inner), wanted)
    raise module.fail(f"cannot convert {given} to {wanted}")


def _exchanged(letters: str, position: int) -> str:
    """Return the letters with the first one and that at `position` exchanged."""
    others = list(letters)
    others[0], others[position] = others[position], others[0]
    return "".join(others)


def _without_features(module: Module, cell: Cell, given: str) -> Cell:
    """Return the first feature, or the first of the classes, of each sample as one number."""
    if len(given.replace("b", "")) != 1:
        raise module.fail(f"cannot convert {given} to one value per sample")
    dimension = len(given) if given[0] == "b" else 1
    return select(cell, dimension, 0)


def _letters(module: Module, name: str) -> str:
    text = module.get(name)
    if not isinstance(text, str) or not text or len(set(text)) != len(text) or len(text) > 6:
        raise module.fail(f"field {name} is {text!r}, expected letters such as bchw")
    return text
