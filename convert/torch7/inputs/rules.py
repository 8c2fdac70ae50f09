"""One registered rule for each module type: what it requires of its input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Union

from convert.torch7.module import Module

Shape = tuple[int | None, ...]
MAX_RANK = 8


@dataclass(frozen=True)
class Table:
    """A table as input: what its elements are, None where their number is unknown; a tensor may stand in its place.

    With `of_tables` its elements are tables again.
    """

    items: tuple[Need, ...] | None = None
    or_tensor: bool = False
    of_tables: bool = False


Need = Union[Shape, Table, None]  # noqa: UP007


RANK_ONLY = {
    3: "TemporalMaxPooling TemporalDynamicKMaxPooling TemporalKMaxPooling",
    4: "SpatialMaxPooling SpatialAveragePooling SpatialDilatedMaxPooling SpatialAdaptiveMaxPooling "
    "SpatialAdaptiveAveragePooling SpatialFractionalMaxPooling SpatialZeroPadding SpatialReplicationPadding "
    "SpatialReflectionPadding SpatialSymmetricPadding SpatialCircularPadding SpatialUpSamplingNearest "
    "SpatialUpSamplingBilinear SpatialDropout SpatialCrossMapLRN NoiseFill GenNoise ShaveImage SpatialSoftMax "
    "SpatialLogSoftMax SpatialRegionDropout SpatialPadding SpatialUniformCrop SpatialUpSampling SpatialReSampling "
    "PixelSort CrossMapNormalization Normalize2 StereoJoin1 Upsample w2nn.DepthExpand2x mynn.DepthExpand2x",
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
        "Rectifier",
        "BinActiveZ",
        "ReinforceBernoulli",
        "ReinforceCategorical",
        "ReinforceNormal",
        "Minus",
        "MultiSoftMax",
        "PCAColorTransform",
        "Probe",
        "Tic",
        "Toc",
        "DataLog",
        "w2nn.Print",
        "w2nn.GradWeight",
        "Balance",
        "ContentLoss",
        "StyleLoss",
        "PSigmoid",
        "ExponentialLU",
        "fbnn.LeakyReLU",
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
        "LayerNormalization",
        "SpatialSameResponseNormalization",
        "NoBackprop",
        "SequentialSplitBatch",
        "Type",
        "ReverseUnreverse",
        "SeqBLSTM",
        "SeqBGRU",
        "DenseConnectLayerCustom",
        "onmt.FeaturesEmbedding",
        "onmt.GRU",
        "onmt.Generator",
        "onmt.GlobalAttention",
        "onmt.LSTM",
        "onmt.WordEmbedding",
    ]
)
SIDE_BY_SIDE = frozenset(
    [
        "Concat",
        "ModelParallelTable",
        "ConcatTable",
        "DataParallelTable",
        "DepthConcat",
        "SpatialPyramidPooling",
        "ResidualDrop",
    ]
)
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
        "ElementTable",
        "PushTable",
        "NarrowTable",
        "FlattenTable",
        "ReverseTable",
        "MapTable",
        "BiSequencer",
        "BiSequencerLM",
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


def _lettered(module: Module) -> Shape | None:
    """Return the rank of an input whose dimensions are letters such as bchw; `b*` stands for any."""
    letters = module.get("inputShape")
    return (None,) * len(letters) if isinstance(letters, str) and "*" not in letters else None


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
    need = RULES[short_name(child)](child)
    return need if isinstance(need, tuple) else None


def short_name(module: Module) -> str:
    """Return the name of a module's type without its package."""
    return module.type_name.removeprefix("nn.").removeprefix("cudnn.").removeprefix("inn.")


def _time(module: Module) -> Shape:
    features = module.integer("inputFrameSize", low=1)
    return (None, features, None) if module.flag("featFirst") else (None, None, features)


def _recurrent(module: Module) -> Shape:
    """Return a step of rnn's classes, or a sequence for those of cudnn and torch-rnn, some of the same names."""
    if module.type_name.startswith("cudnn."):
        return _channels("inputSize", 3)(module)
    return _channels(*(("inputSize", 2) if module.get("input_dim") is None else ("input_dim", 3)))(module)


def _gru_sequence(module: Module) -> Shape:
    """Return (time, batch, features); the package torch/rnn writes the field small."""
    return _channels("inputSize" if module.get("inputSize") is not None else "inputsize", 3)(module)


def _pixel_weight(module: Module) -> Shape:
    return (None, module.required_array("weight").shape[-1], None, None)


RULES: dict[str, Callable[[Module], Need]] = {
    **dict.fromkeys(("Linear", "LinearNoBackprop", "LinearNoBias", "LinearNB", "Cosine"), _columns("weight", 1)),
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
            "SpatialConvolutionCuFFT",
            "SpatialConvolutionFBFFT",
            "SpatialConvolutionFFT",
            "SpatialConvolutionUpsample",
            "w2nn.EdgeFilter",
            "w2nn.RandomBinaryConvolution",
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
    **dict.fromkeys(
        (
            "TemporalConvolution",
            "TemporalConvolutionFB",
            "TemporalSubSampling",
            "TemporalRowConvolution",
            "UnfoldedTemporalConvolution",
        ),
        _time,
    ),
    "TemporalConvolutionTBC": _channels("nIn", 3),
    **dict.fromkeys(("SeqLSTM", "SeqLSTMP", "SeqLSTM_WN"), _channels("inputsize", 3)),
    **dict.fromkeys(("SeqGRU", "SeqGRU_WN"), _gru_sequence),
    **dict.fromkeys(("RecLSTM", "RecGRU"), _channels("inputsize", 2)),
    **dict.fromkeys(("SpatialLinear", "SpatialConvolution1_fw"), _pixel_weight),
    **dict.fromkeys(("ContextRegion", "Foveal"), lambda module: (None, 5)),
    "ConvertFrom": lambda module: Table(((None, 5), (None, 4))),
    "SelectBoxes": lambda module: Table(((None, None), (None, None))),
    "SpatialGlimpse": lambda module: Table(((None,) * 4, (None, 2))),
    "TemporalGlimpse": lambda module: Table(((None,) * 3, (None, None))),
    **dict.fromkeys(
        ("FastLSTM", "LSTM", "GRU", "MuFuRu", "VanillaRNN", "RNN", "RNNReLU", "RNNTanh", "BLSTM", "BGRU"), _recurrent
    ),
    **dict.fromkeys(("BatchNormalization", "BatchCentering"), _normalized(2)),
    **dict.fromkeys(("SpatialBatchNormalization", "SpatialBatchCentering"), _normalized(4)),
    "VolumetricBatchNormalization": _normalized(5),
    "InstanceNormalization": _channels("nOutput", 4),
    **dict.fromkeys(("LookupTable", "LookupTableMaskZero", "FasterLookup"), lambda module: (None, None)),
    "LanguageModel": lambda module: (None, None),
    "WeightedLookupTable": lambda module: (None, 2),
    "FeatExpander": lambda module: (None, None),
    "LenSoftMax": lambda module: Table(((None, None), (None,))),
    "OneHot": lambda module: (None,),
    "SparseLinear": lambda module: (None, None, 2),
    "IndexLinear": lambda module: Table(((None, None), (None, None))),
    "WeightNorm": _weight_normalized,
    "Bilinear": _bilinear,
    "NCEModule": lambda module: Table((_columns("weight", 1)(module), (None,))),
    "Convert": _lettered,
    "AffineTransformMatrixGenerator": lambda module: (None, None),
    "AffineGridGeneratorBHWD": lambda module: (None, 2, 3),
    "BilinearSamplerBHWD": lambda module: Table(((None,) * 4, (None, None, None, 2))),
    "ROIPooling": lambda module: Table(((None,) * 4, (None, 5))),
    "CReLU": lambda module: (None,) * (module.integer("nInputDims", low=1, high=MAX_RANK) + 1),
    "Sequencer": lambda module: Table(or_tensor=True),
    "Index": lambda module: Table((None, None)),
    "MixtureTable": lambda module: Table((None, Table(or_tensor=True))),
    "CAddTensorTable": lambda module: Table((None, Table())),
    "ZipTableOneToMany": lambda module: Table((None, Table())),
    "ZipTable": lambda module: Table(of_tables=True),
    **dict.fromkeys(PAIRS, lambda module: Table((None, None))),
    **dict.fromkeys(TABLES, lambda module: Table()),
}
