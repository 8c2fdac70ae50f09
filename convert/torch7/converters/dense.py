"""Products with weight matrices, and look-ups of their rows."""

from __future__ import annotations

import keras
import numpy as np
from keras import KerasTensor, ops

from convert.torch7.context import Context
from convert.torch7.file.values import LuaTable, TorchObject, TorchTensor
from convert.torch7.module import Module
from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Cell, Value


@converts("nn.Linear", "nn.LinearNoBackprop", "nn.LinearNoBias", "nn.LinearNB", sample=1)
def linear(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """A dense layer."""
    bias = None if module.type_name in ("nn.LinearNoBias", "nn.LinearNB") else module.array("bias")
    return dense(module, x, context, module.required_array("weight"), bias)


def dense(module: Module, x: KerasTensor, context: Context, weight: np.ndarray, bias: np.ndarray | None) -> KerasTensor:
    """Apply a weight (out, in) and a bias (out) to (batch, in)."""
    if weight.ndim != 2:
        raise module.fail(f"needs a 2-D weight, not {weight.shape}")
    units, width = weight.shape
    if x.shape[-1] is None:
        context.expect_elements(x, width)
        x = keras.layers.Reshape((width,))(x)  # keeps the batch: pictures of another size are refused
    bias = None if bias is None else bias.ravel()
    return context.apply(
        module, x, lambda: keras.layers.Dense(units, use_bias=bias is not None), [np.ascontiguousarray(weight.T), bias]
    )


@converts_values("nn.NCEModule")
def noise_contrastive(module: Module, value: Value, context: Context) -> Value:
    """A dense layer and softmax, or its logarithm with `logsoftmax`, of the first of two inputs.

    The second are the targets, with which training compares samples of noise instead of all outputs.
    """
    module.ignore("unigrams", "linout", "sampleidx", "sampleprob")
    cell = module.single(module.item(value, 1))
    if cell.rank != 2:
        raise module.fail(f"takes batch x features, but its input has the sizes {cell.sizes}")
    x = dense(module, cell.tensor, context, module.required_array("weight"), module.array("bias"))
    return cell.like(ops.log_softmax(x) if module.flag("logsoftmax") else ops.softmax(x))


@converts("nn.LinearWeightNorm", sample=1)
def weight_normalized_linear(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """A dense layer with the weight g v / |v|; what the file holds as weight may be out of date."""
    module.ignore("weight", "norm", "scale")
    v, g = module.required_array("v"), module.required_array("g")
    norm = np.maximum(np.sqrt(np.sum(v.astype(np.float64) ** 2, axis=1, keepdims=True)), module.number("eps", 1e-16))
    return dense(module, x, context, (v * g.reshape(-1, 1) / norm).astype(np.float32), module.array("bias"))


@converts("nn.PartialLinear", sample=1)
def partial_linear(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """A dense layer of which `partition` chooses the outputs."""
    module.ignore("allcolumns")
    weight = _partial_weight(module)
    bias = module.array("bias")
    bias = None if bias is None else bias.ravel()
    if isinstance(module.get("partition"), TorchTensor):
        chosen = module.required_array("partition").ravel().astype(int) - 1
        weight, bias = weight[chosen], None if bias is None else bias[chosen]
    return dense(module, x, context, weight, bias)


def _partial_weight(module: Module) -> np.ndarray:
    """Return the weight (out, in), which a look-up table inside the module holds."""
    network = module.get("network")
    children = module.child(network, "network").children() if isinstance(network, TorchObject) else []
    tables = [inner for child in children for inner in _with_children(child) if inner.type_name == "nn.LookupTable"]
    if not tables:
        raise module.fail("its network contains no lookup table")
    return tables[0].required_array("weight")


def _with_children(module: Module) -> list[Module]:
    inner = module.children() if isinstance(module.get("modules"), LuaTable) else []
    return [module, *inner]


@converts("nn.LookupTable", "cudnn.LookupTable", "nn.Dictionary", "nn.FasterLookup")
def lookup_table(module: Module, cell: Cell, context: Context) -> Cell:
    """The rows of the weight that the indices (from 1) name."""
    weight = _limited(module, module.required_array("weight"))
    return _looked_up(module, cell, context, weight, cell.source() - 1)


@converts("nn.WeightedLookupTable")
def weighted_lookup_table(module: Module, cell: Cell, context: Context) -> Cell:
    """The rows of the weight that the first of two columns names, times the second."""
    if cell.rank != 2 or cell.sizes[1] not in (None, 2):
        raise module.fail(f"takes rows of an index and a factor, but its input has the sizes {cell.sizes}")
    pairs, weight = cell.source(), _limited(module, module.required_array("weight"))
    return cell.from_source(_looked_up(module, cell, context, weight, pairs[..., 0] - 1).source() * pairs[..., 1:])


@converts("nn.OneHot", "OneHot")
def one_hot(module: Module, cell: Cell) -> Cell:
    """A new last dimension with a 1 at the index (from 1) that the input names."""
    indices = ops.cast(cell.source() - 1, "int32")
    return cell.from_source(ops.one_hot(indices, module.integer("outputSize", low=1, high=2**20)))


@converts("nn.LookupTableMaskZero")
def lookup_table_mask_zero(module: Module, cell: Cell, context: Context) -> Cell:
    """As nn.LookupTable, with zeros for the index 0."""
    weight = module.required_array("weight").copy()
    weight[0] = 0
    return _looked_up(module, cell, context, _limited(module, weight), cell.source())


def _looked_up(module: Module, cell: Cell, context: Context, weight: np.ndarray, rows: KerasTensor) -> Cell:
    if weight.ndim != 2:
        weight = weight.reshape(weight.shape[0], -1)
    made = context.apply(module, ops.cast(rows, "int32"), lambda: keras.layers.Embedding(*weight.shape), [weight])
    return cell.from_source(made)


def _limited(module: Module, weight: np.ndarray) -> np.ndarray:
    """Return the rows with their norms limited to maxNorm, as Torch7 limits them before it looks them up."""
    if module.get("maxNorm") is None:
        return weight
    largest, kind = float(module.number("maxNorm")), float(module.number("normType", 2))
    norms = np.sum(np.abs(weight.astype(np.float64)) ** kind, axis=1, keepdims=True) ** (1 / kind)
    return np.where(norms > largest, weight * (largest / (norms + 1e-7)), weight).astype(np.float32)


@converts_values("nn.Bilinear")
def bilinear(module: Module, value: Value, context: Context) -> Value:
    """x W_k y + b_k for each output k."""
    first, second = module.cells(value, 2)
    x, y = first.source(), second.source()
    weight = context.parameter(module, x, "weight")
    result = ops.einsum("...i,kij,...j->...k", x, weight, y)
    if module.array("bias") is not None:
        result = result + context.parameter(module, x, "bias", module.required_array("bias").ravel())
    return first.from_source(result)


@converts_values("nn.SparseLinear")
def sparse_linear(module: Module, value: Value, context: Context) -> Value:
    """A dense layer for inputs given as rows (index from 1, value), one input or a table of them."""
    if isinstance(value, Cell):
        return _sparse(module, value, context)
    results = [_sparse(module, cell, context) for cell in module.cells(value)]
    return results[0].from_source(ops.stack([cell.source() for cell in results], axis=results[0].frame.hidden))


def _sparse(module: Module, cell: Cell, context: Context) -> Cell:
    module.ignore("formatted_input")
    pairs = cell.source()
    keys, factors = ops.cast(pairs[..., 0] - 1, "int32"), pairs[..., 1]
    return cell.from_source(_weighted_rows(module, context, module.required_array("weight").T, keys, factors))


def _weighted_rows(
    module: Module, context: Context, rows: np.ndarray, keys: KerasTensor, factors: KerasTensor
) -> KerasTensor:
    """Return the sum of the named rows (in, out), each times its factor, plus the bias."""
    table = context.parameter(module, factors, "weight", np.ascontiguousarray(rows))
    products = ops.take(table, keys, axis=0) * ops.expand_dims(factors, -1)
    return _with_bias(module, context, ops.sum(products, axis=-2))


def _with_bias(module: Module, context: Context, x: KerasTensor) -> KerasTensor:
    bias = module.array("bias")
    return x if bias is None else x + context.parameter(module, x, "bias", bias.ravel())


@converts_values("nn.IndexLinear")
def index_linear(module: Module, value: Value, context: Context) -> Value:
    """A dense layer for inputs given as keys and values: a pair of tensors, or of tables for a batch.

    A third tensor tells how many of the keys and values of all samples, one after the other, are each sample's.
    """
    module.ignore("values", "normalizedValues", "valuesBuffer")
    if len(module.table(value)) == 3:
        return _indexed_in_a_row(module, module.cells(value), context)
    keys, factors = module.pair(value)
    if isinstance(keys, Cell):
        return _indexed(module, keys, module.single(factors), context)
    pairs = zip(module.cells(keys), module.cells(factors), strict=True)
    results = [_indexed(module, one, other, context) for one, other in pairs]
    return results[0].from_source(ops.stack([cell.source() for cell in results], axis=results[0].frame.hidden))


def _indexed(module: Module, keys: Cell, factors: Cell, context: Context) -> Cell:
    rows = _key_rows(module, keys)
    values = _normalized(module, rows, factors.source(), context)
    return factors.from_source(_weighted_rows(module, context, _key_weights(module), rows, values))


def _key_rows(module: Module, keys: Cell) -> KerasTensor:
    return ops.cast(keys.source() + module.integer("offset", -1), "int32")


def _key_weights(module: Module) -> np.ndarray:
    return module.required_array("weight")[:, module.integer("normalize", 0, low=0, high=4) :]


def _normalized(module: Module, rows: KerasTensor, values: KerasTensor, context: Context) -> KerasTensor:
    """Return values divided by the largest of their key, or their signs beyond it, plus the offset of the key.

    These stand in the first columns of the weight: the largest, its inverse, a number for training, the offset.
    """
    if not module.integer("normalize", 0, low=0, high=4):
        return values
    numbers = np.ascontiguousarray(module.required_array("weight")[:, :4])
    largest, inverse, _, offset = ops.unstack(
        ops.take(context.parameter(module, values, "normalization", numbers), rows, axis=0), axis=-1
    )
    return ops.where(ops.greater(ops.abs(values), largest), ops.sign(values), values * inverse) + offset


def _indexed_in_a_row(module: Module, cells: list[Cell], context: Context) -> Cell:
    """Add up the products of each sample: those from the sum of the sizes before it on."""
    keys, factors, sizes = cells
    if keys.frame.hidden:
        raise module.fail("takes the keys of all samples in a row, which is not possible with a batch dimension")
    rows = _key_rows(module, keys)
    values = _normalized(module, rows, factors.source(), context)
    table = context.parameter(module, values, "weight", np.ascontiguousarray(_key_weights(module)))
    ends = ops.cumsum(sizes.source())
    places = ops.cumsum(ops.ones_like(values)) - 0.5
    members = ops.logical_and(places < ends[:, None], places > (ends - sizes.source())[:, None])
    sums = ops.matmul(ops.cast(members, "float32"), ops.take(table, rows, axis=0) * values[:, None])
    return sizes.from_source(_with_bias(module, context, sums))
