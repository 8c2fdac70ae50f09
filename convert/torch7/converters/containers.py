"""Containers: modules made of modules."""

from __future__ import annotations

from keras import KerasTensor

from convert.torch7.context import Context
from convert.torch7.converters.tables import join
from convert.torch7.file.values import LuaTable
from convert.torch7.module import Module
from convert.torch7.registry import converts, converts_values
from convert.torch7.symbolic_values import Cell, Value, samples
from layers import CenterPadConcatenate, FoldAxes, UnfoldAxes

MAX_SLICES = 4096


@converts_values("nn.Sequential")
def sequential(module: Module, value: Value, context: Context) -> Value:
    """One module after the other."""
    for child in module.children():
        value = context.convert(child, value)
    return value


@converts_values("nn.ConcatTable")
def concat_table(module: Module, value: Value, context: Context) -> Value:
    """Each module gets the input; their outputs make a table."""
    return [context.convert(child, value) for child in module.children()]


@converts_values("nn.ParallelTable", "nn.GPUParallelTable")
def parallel_table(module: Module, value: Value, context: Context) -> Value:
    """Each module gets its own element of the input table."""
    children = module.children()
    items = module.first_items(value, len(children))
    return [context.convert(child, item) for child, item in zip(children, items, strict=True)]


@converts_values("nn.MapTable")
def map_table(module: Module, value: Value, context: Context) -> Value:
    """One module for all elements of the input table; its clones in `modules` share its parameters."""
    child = module.child(module.get("module") or module.children()[0].source, "module")
    return [context.convert(child, item) for item in module.table(value)]


@converts_values("nn.ModeSwitch")
def mode_switch(module: Module, value: Value, context: Context) -> Value:
    """The second module, which is the one for evaluation."""
    return context.convert(module.children()[1], value)


@converts_values("nn.DeepMask")
def deep_mask(module: Module, value: Value, context: Context) -> Value:
    """A table of masks and scores of the trunk's features (DeepMask, Pinheiro et al. 2015, 1506.06204)."""
    trunk, mask, score = (module.child(module.get(name), name) for name in ("trunk", "maskBranch", "scoreBranch"))
    features = context.convert(trunk, value)
    return [context.convert(branch, features) for branch in (mask, score)]


@converts_values("nn.SharpMask")
def sharp_mask(module: Module, value: Value, context: Context) -> Value:
    """A table of masks and scores; masks get finer with features of the trunk's middle (1603.08695).

    `skpos` tells after which of the trunk's modules, counted from 1, each refinement takes them; `refs` begins with 0.
    """
    trunk, score = (module.child(module.get(name), name) for name in ("trunk", "scoreBranch"))
    refinements = module.get("refs")
    if not isinstance(refinements, LuaTable):
        raise module.fail("a network without the table 'refs'")
    outputs = [value]
    for child in trunk.children():
        outputs.append(context.convert(child, outputs[-1]))
    mask = context.convert(module.child(refinements.get(0), "refs[0]"), outputs[-1])
    for i, position in enumerate(module.sizes("skpos"), start=1):
        if not 1 <= position < len(outputs):
            raise module.fail(f"field skpos names module {position} of a trunk of {len(outputs) - 1}")
        mask = context.convert(module.child(refinements.get(i), f"refs[{i}]"), [outputs[position], mask])
    return [mask, context.convert(score, outputs[-1])]


@converts_values("nn.Concat", "nn.ModelParallelTable")
def concat(module: Module, value: Value, context: Context) -> Value:
    """Each module gets the input; their outputs are joined along a dimension."""
    outputs = module.cells([context.convert(child, value) for child in module.children()])
    return join(module, outputs, module.integer("dimension"))


@converts_values("nn.DepthConcat")
def depth_concat(module: Module, value: Value, context: Context) -> Value:
    """As Concat over the channels, for pictures of several sizes: smaller ones are centred in zeros."""
    cells = module.cells([context.convert(child, value) for child in module.children()])
    if any(len(cell.tensor.shape) != 4 for cell in cells) or cells[0].axis(module.integer("dimension")) != 3:
        raise module.fail("is supported for the channels of pictures only")
    return cells[0].like(CenterPadConcatenate()([cell.tensor for cell in cells]))


@converts_values("inn.SpatialPyramidPooling")
def pyramid_pooling(module: Module, value: Value, context: Context) -> Value:
    """Concat of poolings to vectors, joined along the dimension after the batch."""
    cell = module.single(value)
    outputs = module.cells([context.convert(child, value) for child in module.children()])
    return join(module, outputs, cell.rank - 2)


@converts_values("nn.DataParallelTable")
def data_parallel(module: Module, value: Value, context: Context) -> Value:
    """The first of modules that are alike; Torch7 gives each a part of the batch."""
    return context.convert(module.children()[0], value)


@converts_values("nn.Parallel")
def parallel(module: Module, value: Value, context: Context) -> Value:
    """Module i gets slice i along one dimension; the results are joined along another."""
    cell, children = module.single(value), module.children()
    dimension = module.integer("inputDimension")
    dimension += cell.rank + 1 if dimension < 0 else 0
    if not 1 <= dimension <= cell.rank:
        raise module.fail_at_dimension("inputDimension", dimension, cell.sizes)
    if len(children) > MAX_SLICES:
        raise module.fail(f"has {len(children)} modules; at most {MAX_SLICES} are allowed")
    cell.keep_batch(dimension)
    outputs = [context.convert(child, cell.slice_at(dimension, i)) for i, child in enumerate(children)]
    along = module.integer("outputDimension")
    cells = module.cells(outputs)
    return join(module, cells, along if along > 0 else cells[0].rank + along + 1)


@converts_values("nn.Bottle")
def bottle(module: Module, value: Value, context: Context) -> Value:
    """The leading dimensions are folded into the first of the last nInputDim for the module inside."""
    cell, (child, *_) = module.single(value), module.children()
    rank = module.integer("nInputDim", 2, low=1)
    leading = cell.rank - rank + 1
    if leading <= 1:
        return context.convert(child, cell)
    if cell.frame.hidden:
        raise module.fail("is supported for inputs with a batch dimension only")
    source = cell.source()
    inside = module.single(context.convert(child, cell.from_source(FoldAxes(leading)(source))))
    return cell.from_source(UnfoldAxes(leading)([inside.source(), source]))


@converts("nn.SpatialClassifier", sample=3)
def spatial_classifier(module: Module, x: KerasTensor, context: Context) -> KerasTensor:
    """The module inside applied to the channels of each pixel, as if pixels were a batch."""
    classifier = module.child(module.get("classifier"), "classifier")
    made = module.single(context.convert(classifier, Cell(FoldAxes(3)(x))))
    if made.rank != 2:
        raise module.fail(f"applies a module that makes {made.sizes} of a batch of pixels; two dimensions are needed")
    return UnfoldAxes(3)([made.tensor, x])


@converts_values(
    "nn.Identity",
    "nn.Contiguous",
    "nn.Copy",
    "nn.TVLoss",
    "nn.TotalVariation",
    "nn.GradientReversal",
    "nn.L1Penalty",
    "nn.PrintSize",
    "nn.TotalDropout",
    "nn.CategoricalEntropy",
    "nn.ZeroGrad",
    "nn.SimpleColorTransform",
    "nn.CopyGrad",
    "nn.NormStabilizer",
    "nn.SpatialRegionDropout",
    "nn.PCAColorTransform",
    "nn.Probe",
    "nn.Tic",
    "nn.Toc",
    "nn.DataLog",
    "w2nn.Print",
    "w2nn.PrintTable",
    "w2nn.GradWeight",
    "nn.Balance",
    "nn.ContentLoss",
    "nn.StyleLoss",
)
def identity(module: Module, value: Value, context: Context) -> Value:
    """The input, or what modules inside make of it.

    What these do is done in training, or to Torch7's memory. (nn.Copy holds Lua closures, which are not read.)
    """
    module.ignore("range", "eigenVectors", "eigenValues", "target", "G", "inputCache", "prob", "sum")
    if isinstance(module.get("modules"), LuaTable):
        return wrapper(module, value, context)
    return value


@converts_values("nn.ResidualDrop")
def residual_drop(module: Module, value: Value, context: Context) -> Value:
    """A residual block of networks with stochastic depth: in evaluation `net` counts as often as it was kept."""
    skip, net = (module.child(module.get(name), name) for name in ("skip", "net"))
    kept = 1.0 - module.number("deathRate")
    shortcut = module.single(context.convert(skip, value)).tensor
    residual = module.single(context.convert(net, value))
    return residual.like(shortcut + residual.tensor * kept)


@converts_values("nn.DenseConnectLayerCustom")
def dense_connection(module: Module, value: Value, context: Context) -> Value:
    """A layer of DenseNet: the table of all earlier outputs, and what `net1` and `net2` make of them joined."""
    module.ignore("input_c", "saved_bn_running_mean", "saved_bn_running_var")
    cells = [value] if isinstance(value, Cell) else module.cells(value)
    joined: Value = join(module, cells, 2) if len(cells) > 1 else cells[0]
    for name in ("net1", "net2"):
        joined = context.convert(module.child(module.get(name), name), joined)
    return [*cells, joined]


@converts("nn.CReLU")
def concatenated_relu(module: Module, cell: Cell, context: Context) -> Cell:
    """The modules inside, which join along the dimension after the batch; a sample alone is a batch of one for them."""
    parts = samples(cell, module.integer("nInputDims", low=1, high=cell.rank))
    value: Value = Cell(parts.tensor)
    for child in module.children():
        value = context.convert(child, value)
    return parts.rest(module.single(value).tensor)


@converts_values("nn.LayerNormalization")
def layer_normalization(module: Module, value: Value, context: Context) -> Value:
    """The modules inside; in a batch, nn.Replicate lays the means the other way round, and samples mix as in Torch7."""
    cell = module.single(value)
    for child in module.children():
        value = context.convert(child, value if value is not cell else cell.relaxed())
    return cell.like(module.single(value).tensor)


@converts_values(
    "nn.Decorator",
    "nn.DontCast",
    "nn.Profile",
    "nn.NaN",
    "nn.GPU",
    "nn.Serial",
    "nn.Inception",
    "nn.FireModule",
    "nn.Maxout",
    "nn.SpatialLPPooling",
    "nn.NoBackprop",
    "nn.SequentialSplitBatch",
    "nn.Type",
    "inn.SpatialSameResponseNormalization",
    "onmt.FeaturesEmbedding",
    "onmt.GRU",
    "onmt.Generator",
    "onmt.GlobalAttention",
    "onmt.LSTM",
    "onmt.WordEmbedding",
)
def wrapper(module: Module, value: Value, context: Context) -> Value:
    """The modules inside, one after the other."""
    for child in module.children():
        value = context.convert(child, value)
    return value
