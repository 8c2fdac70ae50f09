"""Converted networks of every module type, input rank and age against the outputs of real Torch7."""

import numpy as np
import pytest
from support.torch7_wide import SHIPPED_WIDE_CASES, WIDE_CASES, WideCase

from benchmarks.models.networks import WRONG_REFERENCES
from convert.torch7.builder import BuildOptions
from convert.torch7.file.reader import read_t7
from convert.torch7.network import convert_network
from convert.torch7.registry import CONVERTERS
from pipelines.importing.torch7 import candidates
from pipelines.importing.torch7_reference import compare, read_reference

# At least a third, as few of the largest as may be.
THIRD = [
    pytest.param(case, marks=pytest.mark.backends) if i % 3 == 2 or i == 0 else case
    for i, case in enumerate(WIDE_CASES)
]


def differences(case: WideCase):
    """Yield how far the network is from Torch7, for each way to read what the file does not tell."""
    value, reference = read_t7(case.path), read_reference(case.reference)
    statistics = "batch" if case.training and "szag" in case.name else "auto"
    options = BuildOptions(statistics=statistics, noise="input" if case.has_noise else "seed")
    for candidate in candidates(options, reference):
        try:
            yield compare(convert_network(value, candidate, entry=case.entry).model, reference).maximum
        except ValueError as error:
            yield error


@pytest.mark.parametrize("case", THIRD, ids=str)
def test_network_agrees_with_torch7(case: WideCase):
    if case.name in WRONG_REFERENCES:
        pytest.xfail(WRONG_REFERENCES[case.name])
    with np.load(case.reference) as arrays:
        largest = max(np.abs(arrays[name]).max() for name in arrays.files if name.startswith("output"))
    # float64_diff is Torch7's own rounding error; see the reference files' description.
    tolerance = 4 * case.float64_diff + 4e-6 * max(1e-3, largest)
    found = []
    for difference in differences(case):
        found.append(difference)
        if isinstance(difference, float) and difference <= tolerance:
            return
    pytest.fail(f"{case}: {found}, allowed {tolerance:.3g}")


def test_every_third_case_is_among_those_that_ship():
    assert len(SHIPPED_WIDE_CASES) > 200


# All of torch/nn that computes something, and what its files hold of dpnn, rnn, imagine-nn, cudnn and inn.
TYPES = """
Abs Add AddConstant ArgMax BatchNormalization BiSequencer Bilinear Bottle CAdd CAddTable CAddTensorTable CDivTable
CMaxTable CMinTable CMul CMulTable CReLU CSubTable Clamp Clip Collapse Concat ConcatTable Constant Contiguous
Convert Copy Cosine CosineDistance Decorator DepthConcat DontCast DotProduct Dropout ELU Euclidean Exp FastLSTM
FeatureLPPooling FireModule FlattenTable GPU GRU GatedLinearUnit GenNoise GradientReversal HardShrink HardTanh
Identity Inception Index IndexLinear InstanceNormalization JoinTable Kmeans L1Penalty LSTM LayerNormalization
LeakyReLU Linear LinearNoBias LinearWeightNorm Log LogSigmoid LogSoftMax LookupTable LookupTableMaskZero MM MV
MapTable MaskZero MaskedSelect Max Maxout Mean Min MixtureTable Mul MulConstant NaN Narrow NarrowTable NoiseFill
Normalize OneHot PReLU Padding PairwiseDistance Parallel ParallelTable PartialLinear PixelShuffle Power PrintSize
Profile RReLU ReLU ReLU6 Recurrent Recursor Replicate Reshape ReverseTable Select SelectTable SeqGRU SeqLSTM
SeqReverseSequence Sequencer Sequential Serial ShaveImage Sigmoid SoftMax SoftMin SoftPlus SoftShrink SoftSign
SparseLinear SpatialAdaptiveAveragePooling SpatialAdaptiveMaxPooling SpatialAveragePooling
SpatialBatchNormalization SpatialBinaryConvolution SpatialCircularPadding SpatialContrastiveNormalization
SpatialConvolution SpatialConvolutionLocal SpatialConvolutionMM SpatialConvolutionMap SpatialCrossMapLRN
SpatialDepthWiseConvolution SpatialDilatedConvolution SpatialDilatedMaxPooling SpatialDivisiveNormalization
SpatialDropout SpatialFeatNormalization SpatialFractionalMaxPooling SpatialFullConvolution
SpatialFullConvolutionMap SpatialLPPooling SpatialLogSoftMax SpatialMaxPooling SpatialMaxUnpooling
SpatialReflectionPadding SpatialReplicationPadding SpatialSoftMax SpatialSubSampling
SpatialSubtractiveNormalization SpatialUpSamplingBilinear SpatialUpSamplingNearest SpatialZeroPadding SplitTable
Sqrt Square Squeeze Sum Tanh TanhShrink TemporalConvolution TemporalDynamicKMaxPooling TemporalMaxPooling
TemporalRowConvolution TemporalSubSampling Threshold TotalDropout Transpose Unsqueeze UpSampling View
VolumetricAveragePooling VolumetricBatchNormalization VolumetricConvolution VolumetricDilatedConvolution
VolumetricDilatedMaxPooling VolumetricDropout VolumetricFractionalMaxPooling VolumetricFullConvolution
VolumetricMaxPooling VolumetricMaxUnpooling VolumetricReplicationPadding WeightNorm WeightedEuclidean WhiteNoise
ZeroGrad ZipTable ZipTableOneToMany CategoricalEntropy gModule cudnn.BatchNormalization
cudnn.ClippedReLU cudnn.ELU cudnn.LogSoftMax cudnn.ReLU cudnn.Sigmoid cudnn.SoftMax cudnn.SpatialAveragePooling
cudnn.SpatialBatchNormalization cudnn.SpatialConvolution cudnn.SpatialCrossMapLRN cudnn.SpatialFullConvolution
cudnn.SpatialLogSoftMax cudnn.SpatialMaxPooling cudnn.SpatialSoftMax cudnn.Tanh cudnn.TemporalConvolution
cudnn.VolumetricAveragePooling cudnn.VolumetricBatchNormalization cudnn.VolumetricConvolution
cudnn.VolumetricFullConvolution cudnn.VolumetricMaxPooling inn.ConstAffine inn.MeanSubtraction
inn.SpatialAveragePooling inn.SpatialCrossResponseNormalization inn.SpatialMaxPooling inn.SpatialPyramidPooling
inn.SpatialSameResponseNormalization
"""


def test_every_type_has_a_converter():
    names = ["nn.SimpleColorTransform"] + [name if "." in name else f"nn.{name}" for name in TYPES.split()]
    assert [name for name in names if name not in CONVERTERS] == []
