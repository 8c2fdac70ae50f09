"""What a module says of its input: one rule a type, in the spirit of the converters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

from convert.torch7.file.values import LuaTable, TorchObject
from convert.torch7.module import Module
from errors import UserError

Shape = tuple[int | None, ...]
MAX_DEPTH = 100


@dataclass(frozen=True)
class Table:
    """A table as input: what its elements are, None where their number is unknown; a tensor may stand in its place.

    With `of_tables` its elements are tables again.
    """

    items: tuple[Need, ...] | None = None
    or_tensor: bool = False
    of_tables: bool = False


Need = Union[Shape, Table, None]  # noqa: UP007


@dataclass(frozen=True)
class Finding:
    """What is known of an input; `goes_on` says that the next module sees the same dimensions."""

    need: Need = None
    goes_on: bool = False


RANK_ONLY = {
    3: "TemporalMaxPooling TemporalDynamicKMaxPooling",
    4: "SpatialMaxPooling SpatialAveragePooling SpatialDilatedMaxPooling SpatialAdaptiveMaxPooling "
    "SpatialAdaptiveAveragePooling SpatialFractionalMaxPooling SpatialZeroPadding SpatialReplicationPadding "
    "SpatialReflectionPadding SpatialCircularPadding SpatialUpSamplingNearest SpatialUpSamplingBilinear "
    "SpatialDropout SpatialCrossMapLRN NoiseFill GenNoise ShaveImage SpatialSoftMax SpatialLogSoftMax",
    5: "VolumetricMaxPooling VolumetricAveragePooling VolumetricDilatedMaxPooling VolumetricFractionalMaxPooling "
    "VolumetricReplicationPadding VolumetricDropout",
}
RANKS = {name: rank for rank, names in RANK_ONLY.items() for name in names.split()}

POINTWISE = frozenset(
    [
        "ReLU",
        "ReLU6",
        "ClippedReLU",
        "LeakyReLU",
        "RReLU",
        "ELU",
        "Sigmoid",
        "LogSigmoid",
        "Tanh",
        "HardTanh",
        "Clamp",
        "SoftPlus",
        "SoftSign",
        "SoftShrink",
        "HardShrink",
        "TanhShrink",
        "Threshold",
        "Abs",
        "Square",
        "Sqrt",
        "Power",
        "Exp",
        "Log",
        "AddConstant",
        "MulConstant",
        "Mul",
        "SAdd",
        "Clip",
        "Identity",
        "Contiguous",
        "Copy",
        "Dropout",
        "WhiteNoise",
        "GradientReversal",
        "L1Penalty",
        "PrintSize",
        "ZeroGrad",
        "TotalDropout",
        "TVLoss",
        "TotalVariation",
        "SoftMax",
        "LogSoftMax",
        "SoftMin",
        "PReLU",
        "CategoricalEntropy",
    ]
)
IN_TURN = frozenset(
    [
        "Sequential",
        "Decorator",
        "DontCast",
        "Profile",
        "NaN",
        "GPU",
        "Serial",
        "Inception",
        "FireModule",
        "SpatialLPPooling",
        "Recursor",
        "MaskZero",
        "Maxout",
        "CReLU",
        "LayerNormalization",
        "SpatialSameResponseNormalization",
    ]
)
SIDE_BY_SIDE = frozenset(["Concat", "ConcatTable", "DepthConcat", "SpatialPyramidPooling"])
PAIRS = frozenset(
    ["CSubTable", "CDivTable", "MM", "MV", "DotProduct", "CosineDistance", "PairwiseDistance", "MaskedSelect"]
)
TABLES = frozenset(
    [
        "CAddTable",
        "CMulTable",
        "CMaxTable",
        "CMinTable",
        "JoinTable",
        "SelectTable",
        "NarrowTable",
        "FlattenTable",
        "ReverseTable",
        "MapTable",
        "Sequencer",
        "BiSequencer",
    ]
)


def _channels(field: str, rank: int) -> Callable[[Module], Shape]:
    """Return a rule: `rank` dimensions with the batch, of which the second (the last of three) is in a field."""

    def rule(module: Module) -> Shape:
        count = module.integer(field, low=1)
        rest = (None,) * (rank - 2)
        return (None, *rest, count) if rank == 3 else (None, count, *rest)

    return rule


def _columns(name: str, axis: int) -> Callable[[Module], Shape]:
    """Return a rule: (batch, features), as many as a tensor has along an axis."""
    return lambda module: (None, module.required_array(name).shape[axis])


def _normalized(rank: int) -> Callable[[Module], Shape]:
    return lambda module: (None, module.required_array("running_mean").size, *[None] * (rank - 2))


def _plane_pair(module: Module) -> Shape:
    table = module.required_array("connTable")
    return (None, max(int(table.max(axis=0)[0]), module.integer("nInputPlane", 1)), None, None)


def _bilinear(module: Module) -> Table:
    _, first, second = module.required_array("weight").shape
    return Table(((None, first), (None, second)))


def _points_need(module: Module) -> Shape:
    name = "weight" if module.get("weight") is not None else "templates"
    return (None, module.required_array(name).shape[0])


def _weight_normalized(module: Module) -> Shape | None:
    """Return what the module inside needs; the file leaves its weight out."""
    (child, *_) = module.children()
    if child.type_name == "nn.Linear":
        return (None, module.sizes("weightSize")[1])
    need = RULES[_short_name(child)](child)
    return need if isinstance(need, tuple) else None


def _short_name(module: Module) -> str:
    return module.type_name.removeprefix("nn.").removeprefix("cudnn.").removeprefix("inn.")


def _time(module: Module) -> Shape:
    features = module.integer("inputFrameSize", low=1)
    return (None, features, None) if module.flag("featFirst") else (None, None, features)


RULES: dict[str, Callable[[Module], Need]] = {
    **dict.fromkeys(("Linear", "LinearNoBias", "Cosine"), _columns("weight", 1)),
    **dict.fromkeys(("LinearWeightNorm",), _columns("v", 1)),
    **dict.fromkeys(("Kmeans",), _columns("weight", 1)),
    **dict.fromkeys(("Euclidean", "WeightedEuclidean"), _points_need),
    "PartialLinear": _channels("inputsize", 2),
    **dict.fromkeys(
        (
            "SpatialConvolution",
            "SpatialConvolutionMM",
            "SpatialConvolutionLocalMM",
            "SpatialDilatedConvolution",
            "SpatialDepthWiseConvolution",
            "SpatialFullConvolution",
            "SpatialConvolutionLocal",
            "SpatialSubtractiveNormalization",
            "SpatialDivisiveNormalization",
            "SpatialContrastiveNormalization",
        ),
        _channels("nInputPlane", 4),
    ),
    **dict.fromkeys(("SpatialConvolutionMap", "SpatialFullConvolutionMap"), _plane_pair),
    "SpatialSubSampling": lambda module: (None, module.required_array("bias").size, None, None),
    "SpatialFeatNormalization": lambda module: (None, module.required_array("mean").size, None, None),
    **dict.fromkeys(
        ("VolumetricConvolution", "VolumetricDilatedConvolution", "VolumetricFullConvolution"),
        _channels("nInputPlane", 5),
    ),
    **dict.fromkeys(("TemporalConvolution", "TemporalSubSampling", "TemporalRowConvolution"), _time),
    "SeqLSTM": _channels("inputsize", 3),
    "SeqGRU": _channels("inputSize", 3),
    **dict.fromkeys(("FastLSTM", "LSTM", "GRU"), _channels("inputSize", 2)),
    "BatchNormalization": _normalized(2),
    "SpatialBatchNormalization": _normalized(4),
    "VolumetricBatchNormalization": _normalized(5),
    "InstanceNormalization": _channels("nOutput", 4),
    **dict.fromkeys(("LookupTable", "LookupTableMaskZero"), lambda module: (None, None)),
    "SparseLinear": lambda module: (None, None, 2),
    "IndexLinear": lambda module: Table(((None, None), (None, None))),
    "WeightNorm": _weight_normalized,
    "Bilinear": _bilinear,
    "Index": lambda module: Table((None, None)),
    "MixtureTable": lambda module: Table((None, Table(or_tensor=True))),
    "CAddTensorTable": lambda module: Table((None, Table())),
    "ZipTableOneToMany": lambda module: Table((None, Table())),
    "ZipTable": lambda module: Table(of_tables=True),
    **dict.fromkeys(PAIRS, lambda module: Table((None, None))),
    **dict.fromkeys(TABLES, lambda module: Table()),
}


def needed_input(root: Module) -> Need:
    """Return what the first modules of a network need, None where they take anything."""
    return _find(root, 0).need


def _find(module: Module, depth: int) -> Finding:
    name = _short_name(module)
    if depth > MAX_DEPTH:
        return Finding()
    if name in POINTWISE:
        return _in_turn(_children(module), depth)
    if name in RANKS:
        return Finding((None,) * RANKS[name], goes_on=True)
    if name in RULES:
        return Finding(_by_rule(module, name))
    return _in_container(module, name, depth)


def _by_rule(module: Module, name: str) -> Need:
    """Return what a rule says, None where the file lacks what it wants: the converter will tell."""
    try:
        return RULES[name](module)
    except (UserError, ValueError, LookupError):
        return None


def _in_container(module: Module, name: str, depth: int) -> Finding:
    if name in IN_TURN:
        return _in_turn(_children(module), depth)
    if name in SIDE_BY_SIDE:
        return Finding(_merged([_find(child, depth + 1).need for child in _children(module)]))
    if name == "ParallelTable":
        return Finding(Table(tuple(_find(child, depth + 1).need for child in _children(module))))
    if name == "gModule":
        return Finding(_of_graph(module, depth))
    return Finding()


def _children(module: Module) -> list[Module]:
    return module.children() if isinstance(module.get("modules"), LuaTable) else []


def _in_turn(children: list[Module], depth: int) -> Finding:
    """Return what the first modules of a chain need: the rank from the first that knows it, then the channels."""
    need: Need = None
    for child in children:
        found = _find(child, depth + 1)
        need = _merged([need, found.need]) if need is None or isinstance(found.need, tuple) else need
        if not found.goes_on:
            return Finding(need)
    return Finding(need, goes_on=True)


def _merged(needs: list[Need]) -> Need:
    """Return the first need, with sizes that it leaves free from others of its rank."""
    first = next((need for need in needs if need is not None), None)
    if not isinstance(first, tuple):
        return first
    for other in needs:
        if isinstance(other, tuple) and len(other) == len(first):
            first = tuple(a if a is not None else b for a, b in zip(first, other, strict=True))
    return first


def _of_graph(module: Module, depth: int) -> Need:
    """Return what the nodes that get the inputs of a graph need."""
    count = module.integer("nInputs", 1, low=1, high=10_000)
    children = _node_children(module.get("innode"))
    if count == 1:
        return _merged([_of_node(module, node, depth) for node in children])
    needs: list[Need] = [None] * count
    for node in children:
        index = _node_data(node).get("selectindex")
        if isinstance(index, int) and 1 <= index <= count:
            found = [_of_node(module, child, depth) for child in _node_children(node)]
            needs[index - 1] = _merged([needs[index - 1], *found])
    return Table(tuple(needs))


def _of_node(module: Module, node: Any, depth: int) -> Need:
    """Return what a node needs of its parent's output."""
    data = _node_data(node)
    inputs = data.get("mapindex")
    if depth > MAX_DEPTH or (isinstance(inputs, LuaTable) and len(inputs.sequence()) > 1):
        return None
    inner = data.get("module")
    found = _find(module.child(inner, "node"), depth + 1) if isinstance(inner, TorchObject) else Finding(goes_on=True)
    if found.need is not None or not found.goes_on:
        return found.need
    return _merged([_of_node(module, child, depth + 1) for child in _node_children(node)])


def _node_data(node: Any) -> LuaTable:
    data = node.get("data") if isinstance(node, TorchObject) else None
    return data if isinstance(data, LuaTable) else LuaTable()


def _node_children(node: Any) -> list[Any]:
    children = node.get("children") if isinstance(node, TorchObject) else None
    return children.sequence() if isinstance(children, LuaTable) else []
