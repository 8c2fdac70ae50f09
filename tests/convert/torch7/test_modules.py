"""Single modules against PyTorch, for types and forms of which no file of real Torch7 is at hand."""

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.torch7_cases import CASES
from support.torch7_packages import CASES as PACKAGE_CASES
from support.torch7_wide import WIDE_CASES
from support.torch7_writer import convolution, module, numbers, sequential, sizes, table, tensor, write_t7
from support.torch_rnn import CUDNN_LAYERS, cudnn_layer, language_model, projected_lstm, recurrent_layer

from convert.torch7.builder import BuildOptions
from convert.torch7.file.reader import read_t7
from convert.torch7.file.values import LuaTable, TorchObject
from convert.torch7.file.walking import walk
from convert.torch7.network import convert_network
from convert.torch7.registry import CONVERTERS
from errors import ArgumentError, UserError

pytestmark = pytest.mark.backends


def split(*branches):
    """Return a ConcatTable of branches for a picture of three channels."""
    return module("nn.ConcatTable", modules=table(*branches))


def run(network, x):
    """Return what the converted network makes of an NCHW array, in Torch7's order."""
    model = convert_network(network, BuildOptions(batch=True)).model
    outputs = model(x.transpose(0, 2, 3, 1) if x.ndim == 4 else x)
    many = outputs if isinstance(outputs, list) else [outputs]
    arrays = [keras.ops.convert_to_numpy(y) for y in many]
    arrays = [y.transpose(0, 3, 1, 2) if y.ndim == 4 else y for y in arrays]
    return arrays if isinstance(outputs, list) else arrays[0]


X = torch.tensor(numbers(2, 4, 5, 6))
W3, W4 = numbers(3, 3, 3, 2, seed=3), numbers(3, 4, 3, 2, seed=3)
PARTS = [convolution(4, 3), convolution(4, 3, weight=W4[..., :1, :1], bias=numbers(3, seed=9))]


def part(i):
    own = PARTS[i]
    return F.conv2d(X, torch.tensor(own.get("weight").array), torch.tensor(own.get("bias").array))


def sum_pool(x, kernel, stride):
    return F.avg_pool2d(x, kernel, stride) * kernel[0] * kernel[1]


def in_steps(step):
    return module("nn.Sequencer", modules=table(step))


# Makes pictures of one pixel of vectors.
PIXEL = module("nn.View", size=sizes(-1, 1, 1), numElements=1, numInputDims=1)
# An LSTM whose output is the sum of its input and its last output.
LSTM_STEP = module(
    "nn.LSTM",
    outputSize=6,
    recurrentModule=module(
        "nn.ConcatTable",
        modules=table(
            sequential(module("nn.NarrowTable", offset=1, length=2), module("nn.CAddTable")),
            module("nn.SelectTable", index=3),
        ),
    ),
)

# name: (module, what PyTorch makes of X)
ELEMENTWISE = {
    "relu_from_threshold": (module("nn.Threshold", threshold=0, val=0), X.relu()),
    "threshold_default": (module("nn.Threshold"), F.threshold(X, 1e-6, 0)),
    "relu6": (module("nn.ReLU6"), F.relu6(3 * X)),
    "clipped_relu": (module("cudnn.ClippedReLU", ceiling=0.7), X.clamp(0, 0.7)),
    "leaky_relu_of_waifu2x": (
        module("nn.LeakyReLU", negative_scale=0.1, negative=tensor(numbers(3))),
        F.leaky_relu(X, 0.1),
    ),
    "binary_activation": (module("nn.BinActiveZ"), X.sign()),
    "reinforce": (
        sequential(
            module("nn.ReinforceNormal", stdev=0.1),
            module("nn.ReinforceBernoulli", _uniform=tensor(numbers(3))),
            module("nn.ReinforceCategorical"),
            module("nn.SpatialRegionDropout", p=0.2, noise=tensor(numbers(3))),
            module("nn.Tanh", inplace=True),
        ),
        X.tanh(),
    ),
    "padding_of_nnx": (
        module("nn.SpatialPadding", pad_l=2, pad_r=-1, pad_t=0, pad_b=1, y_dim=3, x_dim=4),
        F.pad(X, (2, -1, 0, 1)),
    ),
    "rrelu": (module("nn.RReLU", lower=0.2, upper=0.4, noise=tensor(numbers(3))), F.leaky_relu(X, 0.3)),
    "hard_tanh": (module("nn.HardTanh", min_val=-0.5, max_val=0.25), X.clamp(-0.5, 0.25)),
    "hard_tanh_default": (module("nn.HardTanh"), F.hardtanh(X)),
    "log_sigmoid": (module("nn.LogSigmoid", buffer=tensor(numbers(3))), F.logsigmoid(X)),
    "soft_plus": (module("nn.SoftPlus", beta=2.5, threshold=1.5), F.softplus(X, 2.5, 1.5)),
    "soft_plus_default": (module("nn.SoftPlus"), F.softplus(X)),
    "soft_shrink": (module("nn.SoftShrink", **{"lambda": 0.3}), F.softshrink(X, 0.3)),
    "hard_shrink": (module("nn.HardShrink", **{"lambda": 0.3}), F.hardshrink(X, 0.3)),
    "tanh_shrink": (module("nn.TanhShrink"), F.tanhshrink(X)),
    "spatial_softmax": (module("nn.SpatialSoftMax"), X.softmax(1)),
    "spatial_log_softmax": (module("nn.SpatialLogSoftMax"), X.log_softmax(1)),
    "softmin": (module("nn.SoftMin"), (-X).softmax(1)),
    "exp": (module("nn.Exp"), X.exp()),
    "power": (sequential(module("nn.Abs"), module("nn.Power", pow=1.7)), X.abs().pow(1.7)),
    "log": (sequential(module("nn.Square"), module("nn.Log")), X.square().log()),
    "dropout_v1": (module("nn.Dropout", p=0.3), X * 0.7),
    "categorical_entropy": (module("nn.CategoricalEntropy"), X),
    "total_dropout": (module("nn.TotalDropout"), X),
    "color_transform": (module("nn.SimpleColorTransform", range=tensor(numbers(3))), X),
    "response_inn": (
        module("inn.SpatialCrossResponseNormalization", size=3, alpha=0.5, beta=0.6, k=1.5),
        F.local_response_norm(X, 3, 0.5, 0.6, 1.5),
    ),
    "gradient_reversal": (module("nn.GradientReversal"), X),
    "prelu_shared": (
        module("nn.PReLU", nOutputPlane=0, weight=tensor(np.array([0.3], np.float32))),
        F.prelu(X, torch.tensor([0.3])),
    ),
    "add_scalar": (module("nn.Add", bias=tensor(np.array([0.3], np.float32))), X + 0.3),
    "cadd_channels": (module("nn.CAdd", bias=tensor(W3[:1, :1, :1, :1])), X + float(W3[0, 0, 0, 0])),
    "cadd_full": (module("nn.CAdd", bias=tensor(numbers(4, 5, 6, seed=4))), X + torch.tensor(numbers(4, 5, 6, seed=4))),
    "cadd_map": (
        module("nn.CAdd", bias=tensor(numbers(1, 1, 5, 6, seed=4))),
        X + torch.tensor(numbers(1, 1, 5, 6, seed=4)),
    ),
    "cmul_full": (
        module("nn.CMul", size=sizes(1, 4, 5, 6), weight=tensor(numbers(1, 4, 5, 6, seed=4))),
        X * torch.tensor(numbers(1, 4, 5, 6, seed=4)),
    ),
    "cmul_with_batch": (
        module("nn.CMul", size=sizes(2, 4, 5, 6), weight=tensor(numbers(2, 4, 5, 6, seed=4))),
        X * torch.tensor(numbers(2, 4, 5, 6, seed=4)),
    ),
}
SHAPES = {
    "narrow_negative_length": (module("nn.Narrow", dimension=3, index=2, length=-2), X[:, :, 1:4]),
    "narrow_to_the_end": (module("nn.Narrow", dimension=-1, index=3, length=-1), X[..., 2:]),
    "narrow_negative_index": (module("nn.Narrow", dimension=2, index=-1, length=3), X[:, :1]),
    "narrow_batch": (module("nn.Narrow", dimension=1, index=2, length=1), X[1:]),
    "select_last_row": (module("nn.Select", dimension=3, index=-1), X[:, :, -1]),
    "select_column": (module("nn.Select", dimension=-1, index=2), X[..., 1]),
    "select_sample": (module("nn.Select", dimension=1, index=1), X[0]),
    "padding_front": (module("nn.Padding", dim=2, pad=-2, value=0.5), F.pad(X, (0, 0, 0, 0, 2, 0), value=0.5)),
    "padding_inside_left": (
        module("nn.Padding", dim=3, pad=-2, index=3, value=9),
        torch.cat([X[:, :, :2], torch.full((2, 4, 2, 6), 9.0), X[:, :, 2:]], 2),
    ),
    "padding_inside_right": (
        module("nn.Padding", dim=1, pad=1, index=2, nInputDim=3, value=9),
        torch.cat([X[:, :3], torch.full((2, 1, 5, 6), 9.0), X[:, 3:]], 1),
    ),
    "zero_padding_negative": (
        module("nn.SpatialZeroPadding", pad_l=-1, pad_r=2, pad_t=1, pad_b=-2),
        F.pad(X, (-1, 2, 1, -2)),
    ),
    "replication_padding_negative": (
        module("nn.SpatialReplicationPadding", pad_l=3, pad_r=-1, pad_t=-2, pad_b=1),
        F.pad(X[:, :, 2:, :-1], (3, 0, 0, 1), mode="replicate"),
    ),
    "transpose_twice": (
        module("nn.Transpose", permutations=table(table(2, 4), table(3, 4))),
        X.transpose(1, 3).transpose(2, 3),
    ),
    "view_whole_batch": (module("nn.View", size=sizes(-1), numElements=1), X.reshape(-1)),
    "view_rows": (module("nn.View", size=sizes(-1, 6), numElements=6), X.reshape(-1, 6)),
    "view_samples": (module("nn.View", size=sizes(20, 6), numElements=120), X.reshape(2, 20, 6)),
    "view_pictures": (module("nn.View", size=sizes(6, 4, 5), numElements=120, numInputDims=3), X.reshape(2, 6, 4, 5)),
    "reshape_whole": (module("nn.Reshape", size=sizes(8, 30), batchMode=False), X.reshape(8, 30)),
    "reshape_samples": (module("nn.Reshape", size=sizes(2, 60)), X.reshape(2, 2, 60)),
    "shave": (module("nn.ShaveImage", size=1), X[:, :, 1:-1, 1:-1]),
    "linear_one_sample": (
        sequential(
            module("nn.Narrow", dimension=1, index=1, length=1),
            module("nn.View", size=sizes(-1), numElements=1),
            module("nn.Linear", weight=tensor(numbers(7, 120, seed=5)), bias=tensor(numbers(7, seed=6))),
        ),
        F.linear(X[0].reshape(-1), torch.tensor(numbers(7, 120, seed=5)), torch.tensor(numbers(7, seed=6))),
    ),
}
TABLES = {
    "csub": (sequential(split(*PARTS), module("nn.CSubTable")), part(0) - part(1)),
    "scale_channels": (
        sequential(
            split(PARTS[0], sequential(PARTS[1], *(module("nn.Max", dimension=d) for d in (4, 3)), PIXEL)),
            module("w2nn.ScaleTable"),
        ),
        part(0) * part(1).amax((2, 3), keepdim=True),
    ),
    "shake_shake": (
        sequential(split(*PARTS), module("w2nn.ShakeShakeTable", alpha=np.ones(1), first=np.ones((1, 2)))),
        part(0) + part(1),
    ),
    "auxiliary_loss": (
        sequential(split(*PARTS), module("w2nn.AuxiliaryLossTable", i=2, output_tensor=np.ones((1, 2)))),
        part(1),
    ),
    "auxiliary_loss_copies": (
        sequential(
            PARTS[0],
            split(
                module("nn.Identity"),
                sequential(
                    split(module("nn.Identity")), module("w2nn.AuxiliaryLossTable"), module("w2nn.InplaceClip01")
                ),
            ),
            module("nn.CAddTable"),
        ),
        part(0) + part(0).clamp(0, 1),
    ),
    "clip_in_place": (
        sequential(split(module("nn.Identity"), module("w2nn.InplaceClip01")), module("nn.CAddTable")),
        2 * X.clamp(0, 1),
    ),
    "cmin": (sequential(split(*PARTS), module("nn.CMinTable")), torch.minimum(part(0), part(1))),
    "cadd_in_place": (sequential(split(*PARTS), module("nn.CAddTable", inplace=True)), part(0) + part(1)),
    "join_rows": (sequential(split(*PARTS), module("nn.JoinTable", dimension=3)), torch.cat([part(0), part(1)], 2)),
    "join_columns": (
        sequential(split(*PARTS), module("nn.JoinTable", dimension=-1)),
        torch.cat([part(0), part(1)], 3),
    ),
    "join_without_batch": (
        sequential(split(*PARTS), module("nn.JoinTable", dimension=1, nInputDims=3)),
        torch.cat([part(0), part(1)], 1),
    ),
    "two_directions": (
        sequential(
            PARTS[0],
            module("nn.SplitTable", dimension=2),
            module("nn.BiSequencer", modules=table(module("nn.SeqBRNN", modules=table(in_steps(module("nn.Tanh")))))),
            module("nn.CAddTable"),
        ),
        part(0).tanh().sum(1),
    ),
    "lstm_remembers_output_and_cell": (
        sequential(PARTS[0], module("nn.SplitTable", dimension=2), in_steps(LSTM_STEP), module("nn.CAddTable")),
        part(0).cumsum(1).sum(1),
    ),
    "concat_batch": (module("nn.Concat", dimension=1, modules=table(*PARTS)), torch.cat([part(0), part(1)], 0)),
    "concat_rows": (module("nn.Concat", dimension=3, modules=table(*PARTS)), torch.cat([part(0), part(1)], 2)),
    "narrow_table": (
        sequential(
            split(*PARTS, module("nn.Identity")),
            module("nn.NarrowTable", offset=1, length=2),
            module("nn.JoinTable", dimension=2),
        ),
        torch.cat([part(0), part(1)], 1),
    ),
    "split_rows": (
        sequential(
            module("nn.SplitTable", dimension=2, nInputDims=3),
            module("nn.ParallelTable", modules=table(module("nn.Identity"), module("nn.Tanh"))),
            module("nn.CAddTable"),
        ),
        X[:, :, 0] + X[:, :, 1].tanh(),
    ),
    "split_then_last": (
        sequential(module("nn.SplitTable", dimension=-1), module("nn.SelectTable", index=-1)),
        X[..., -1],
    ),
}
WINDOWS = {
    "conv_asymmetric": (
        convolution(4, 3, kernel=(3, 2), stride=(2, 1), pad=(0, 2), weight=W4),
        F.conv2d(X, torch.tensor(W4), torch.tensor(numbers(3, seed=2)), stride=(2, 1), padding=(0, 2)),
    ),
    "conv_groups": (
        convolution(4, 6, kind="cudnn.SpatialConvolution", kernel=(3, 3), groups=2, weight=numbers(6, 2, 3, 3)),
        F.conv2d(X, torch.tensor(numbers(6, 2, 3, 3)), torch.tensor(numbers(6, seed=2)), groups=2),
    ),
    "conv_old_padding": (
        convolution(4, 3, kind="nn.SpatialConvolutionMM", kernel=(3, 2), pad=(None, None), padding=1, weight=W4),
        F.conv2d(X, torch.tensor(W4), torch.tensor(numbers(3, seed=2)), padding=1),
    ),
    "conv_local_mm": (
        convolution(4, 3, kind="nn.SpatialConvolutionLocalMM", kernel=(3, 2), weight=W4.reshape(3, -1)),
        F.conv2d(X, torch.tensor(W4), torch.tensor(numbers(3, seed=2))),
    ),
    "dilated_and_strided": (
        convolution(
            4,
            3,
            kind="nn.SpatialDilatedConvolution",
            kernel=(3, 2),
            stride=(2, 3),
            pad=(2, 1),
            weight=W4,
            dilationH=2,
            dilationW=3,
        ),
        F.conv2d(X, torch.tensor(W4), torch.tensor(numbers(3, seed=2)), stride=(2, 3), padding=(2, 1), dilation=(2, 3)),
    ),
    "dilated_one_way": (
        convolution(
            4, 3, kind="cudnn.SpatialDilatedConvolution", kernel=(3, 2), pad=(1, 2), weight=W4, dilationH=1, dilationW=4
        ),
        F.conv2d(X, torch.tensor(W4), torch.tensor(numbers(3, seed=2)), padding=(1, 2), dilation=(1, 4)),
    ),
    "depthwise": (
        convolution(
            4,
            2,
            kind="nn.SpatialDepthWiseConvolution",
            kernel=(3, 2),
            stride=(1, 2),
            pad=(1, 0),
            weight=numbers(2, 4, 3, 2),
            bias=numbers(2, 4, seed=2),
        ),
        F.conv2d(
            X,
            torch.tensor(numbers(2, 4, 3, 2)).transpose(0, 1).reshape(8, 1, 3, 2),
            torch.tensor(numbers(2, 4, seed=2)).T.reshape(8),
            stride=(1, 2),
            padding=(1, 0),
            groups=4,
        ),
    ),
    "full_convolution": (
        convolution(
            4,
            3,
            kind="cudnn.SpatialFullConvolution",
            kernel=(2, 3),
            stride=(3, 2),
            pad=(0, 1),
            weight=numbers(4, 3, 2, 3),
            adjH=2,
            adjW=1,
        ),
        F.conv_transpose2d(
            X,
            torch.tensor(numbers(4, 3, 2, 3)),
            torch.tensor(numbers(3, seed=2)),
            stride=(3, 2),
            padding=(0, 1),
            output_padding=(2, 1),
        ),
    ),
    "max_pool_asymmetric": (
        module("nn.SpatialMaxPooling", kH=3, kW=2, dH=2, dW=1, padH=1, padW=0, ceil_mode=True),
        F.max_pool2d(X, (3, 2), (2, 1), (1, 0), ceil_mode=True),
    ),
    "max_pool_cudnn": (
        module("cudnn.SpatialMaxPooling", kH=2, kW=2, dH=2, dW=2, padH=0, padW=0),
        F.max_pool2d(X, 2),
    ),
    "average_pool_asymmetric": (
        module("nn.SpatialAveragePooling", kH=3, kW=2, dH=2, dW=1, padH=1, padW=0, divide=True, ceil_mode=True),
        F.avg_pool2d(X, (3, 2), (2, 1), (1, 0), ceil_mode=True),
    ),
    "binary_convolution": (
        convolution(4, 3, kind="nn.SpatialBinaryConvolution", kernel=(3, 2), weight=W4),
        F.conv2d(
            X, torch.tensor(np.sign(W4) * np.abs(W4).mean((1, 2, 3), keepdims=True)), torch.tensor(numbers(3, seed=2))
        ),
    ),
    "average_pool_cudnn": (module("cudnn.SpatialAveragePooling", kH=2, kW=3, dH=2, dW=2), F.avg_pool2d(X, (2, 3), 2)),
    "average_pool_old": (
        module("nn.SpatialAveragePooling", kH=2, kW=3, dH=1, dW=2),
        sum_pool(X, (2, 3), (1, 2)),
    ),
    "unpooling": (
        sequential(
            pool := module("nn.SpatialMaxPooling", kH=2, kW=3, dH=2, dW=3, padH=0, padW=0),
            module("nn.Exp"),
            module("nn.SpatialMaxUnpooling", pooling=pool),
        ),
        F.max_unpool2d(
            F.max_pool2d(X, (2, 3), return_indices=True)[0].exp(),
            F.max_pool2d(X, (2, 3), return_indices=True)[1],
            (2, 3),
            output_size=(5, 6),
        ),
    ),
    "bilinear_to_size": (
        module("nn.SpatialUpSamplingBilinear", oheight=7, owidth=11),
        F.interpolate(X, (7, 11), mode="bilinear", align_corners=True),
    ),
    "lrn_cudnn": (
        module("cudnn.SpatialCrossMapLRN", size=3, alpha=0.5, beta=0.6, K=1.5),
        F.local_response_norm(X, 3, 0.5, 0.6, 1.5),
    ),
}
NORMALIZATIONS = {
    "batch_norm_plain": (
        module(
            "cudnn.SpatialBatchNormalization",
            running_mean=tensor(numbers(4)),
            running_var=tensor(numbers(4) ** 2 + 0.5),
            eps=0.01,
            momentum=0.1,
            affine=False,
        ),
        F.batch_norm(X, torch.tensor(numbers(4)), torch.tensor(numbers(4) ** 2 + 0.5), eps=0.01),
    ),
    "batch_norm_with_scratch_space": (
        module(
            "nn.SpatialBatchNormalization",
            running_mean=tensor(numbers(4)),
            running_var=tensor(numbers(4) ** 2 + 0.5),
            **{name: tensor(numbers(3)) for name in ("buffer", "buffer2", "centered", "std", "normalized")},
        ),
        F.batch_norm(X, torch.tensor(numbers(4)), torch.tensor(numbers(4) ** 2 + 0.5)),
    ),
    "lrn_with_scratch_space": (
        module(
            "nn.SpatialCrossMapLRN",
            size=3,
            alpha=0.5,
            beta=0.6,
            k=1.5,
            **{name: tensor(numbers(3)) for name in ("scale", "paddedRatio", "accumRatio")},
        ),
        F.local_response_norm(X, 3, 0.5, 0.6, 1.5),
    ),
    "copy_grad": (module("nn.CopyGrad"), X),
    "norm_stabilizer": (module("nn.NormStabilizer", beta=1), X),
    "instance_norm_plain": (
        module("nn.InstanceNormalization", nOutput=4, eps=0.01, affine=False, running_mean=tensor(numbers(4))),
        F.instance_norm(X, eps=0.01),
    ),
}
NET, SKIP = sequential(PARTS[0], module("nn.Tanh")), sequential(PARTS[1])
# Classes of published projects: DeepMind's DQN, DeepMask, networks with stochastic depth, DenseNet, OpenNMT.
PUBLISHED = {
    "resampled_planes": (
        sequential(
            module("nn.View", size=sizes(4, 5, 6), numElements=120, numInputDims=3),
            module("nn.SpatialReSamplingEx", mode="bilinear", mode_c=2, oheight=9, owidth=11, yDim=3, xDim=4),
        ),
        F.interpolate(X, size=(9, 11), mode="bilinear", align_corners=True),
    ),
    **{
        f"opennmt_{name}": (module(f"onmt.{name}", net=NET, modules=table(NET), outputSize=3), part(0).tanh())
        for name in ("FeaturesEmbedding", "GRU", "Generator", "GlobalAttention", "LSTM", "WordEmbedding")
    },
    "rectifier": (module("nn.Rectifier"), X.relu()),
    "constant_diagonal": (
        module("nn.SpatialConstDiagonal", a=tensor(numbers(1, 4, 1, 1, seed=1)), b=tensor(numbers(1, 4, 1, 1, seed=2))),
        X * torch.tensor(numbers(1, 4, 1, 1, seed=1)) + torch.tensor(numbers(1, 4, 1, 1, seed=2)),
    ),
    "symmetric_padding": (
        module("nn.SpatialSymmetricPadding", pad_l=3, pad_r=1, pad_t=-1, pad_b=2),
        torch.tensor(np.pad(X.numpy()[:, :, 1:], ((0, 0), (0, 0), (0, 2), (3, 1)), mode="symmetric")),
    ),
    "no_backprop": (module("nn.NoBackprop", modules=table(sequential(module("nn.Tanh")))), X.tanh()),
    "residual_drop": (
        module("nn.ResidualDrop", deathRate=0.3, net=NET, skip=SKIP, modules=table(NET, SKIP)),
        part(1) + 0.7 * part(0).tanh(),
    ),
    "dense_connection": (
        sequential(
            module(
                "nn.DenseConnectLayerCustom",
                net1=NET,
                net2=module("nn.Exp"),
                input_c=tensor(numbers(2)),
                modules=table(NET, module("nn.Exp")),
            ),
            module("nn.DenseConnectLayerCustom", net1=module("nn.Identity"), net2=module("nn.Square")),
            module("nn.JoinTable", dimension=2),
        ),
        torch.cat([X, part(0).tanh().exp(), X**2, part(0).tanh().exp() ** 2], 1),
    ),
}


def spatial_transformer(count, height=4, width=7, **used):
    """Return the network of published programs, with `count` parameters of a small network beside the picture."""
    places = (
        module("nn.View", size=sizes(120), numElements=120),
        module("nn.Linear", weight=tensor(numbers(count, 120, seed=3) / 20), bias=tensor(numbers(count, seed=5))),
        module("nn.AffineTransformMatrixGenerator", fullMode=not used, **dict.fromkeys(used, True)),
        module("nn.AffineGridGeneratorBHWD", height=height, width=width, baseGrid=tensor(numbers(height, width, 3))),
    )
    swaps = table(2, 3), table(3, 4)
    return sequential(
        split(module("nn.Transpose", permutations=table(*swaps)), sequential(*places)),
        module("nn.BilinearSamplerBHWD"),
        module("nn.Transpose", permutations=table(*swaps[::-1])),
    )


def transformed(network, factors=0, turned=False, moved=False):
    """Return what a spatial transformer makes of X, by products of matrices and PyTorch's sampler."""
    linear = network.get("modules")[1].get("modules")[2].get("modules")[2]
    values = F.linear(X.flatten(1), *(torch.tensor(linear.get(name).array) for name in ("weight", "bias")))
    height, width = (network.get("modules")[1].get("modules")[2].get("modules")[4].get(n) for n in ("height", "width"))
    matrices = values.reshape(-1, 2, 3)[:, :2] if values.shape[1] == 6 else []
    for row in values.tolist() if values.shape[1] != 6 else []:
        matrix = np.eye(3)
        if turned:
            angle = row.pop(0)
            turn = [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
            matrix = matrix @ turn
        if factors:
            matrix = matrix @ np.diag([row[0], row[factors - 1], 1])
        if moved:
            matrix = matrix @ [[1, 0, row[-2]], [0, 1, row[-1]], [0, 0, 1]]
        matrices.append(torch.tensor(matrix[:2]).float())
    theta = torch.stack(list(matrices))[:, [1, 0]][:, :, [1, 0, 2]]  # Torch7 has rows before columns
    return F.grid_sample(X, F.affine_grid(theta, (2, 4, height, width), align_corners=True), align_corners=True)


TRANSFORMERS = {
    "matrix": (spatial_transformer(6), {}),
    "turned": (spatial_transformer(1, useRotation=1), {"turned": True}),
    "scaled": (spatial_transformer(1, useScale=1), {"factors": 1}),
    "turned_scaled_moved": (
        spatial_transformer(4, useRotation=1, useScale=1, useTranslation=1),
        {"turned": True, "factors": 1, "moved": True},
    ),
    "old_scaled_moved": (spatial_transformer(4, useScale=1, useTranslation=1), {"factors": 2, "moved": True}),
}
TRANSFORMED = {name: (network, transformed(network, **kind)) for name, (network, kind) in TRANSFORMERS.items()}
ALL = TRANSFORMED | ELEMENTWISE | SHAPES | TABLES | WINDOWS | NORMALIZATIONS | PUBLISHED
# With tests of their own.
DICTIONARY = module("nn.Dictionary", weight=tensor(numbers(5, 3, seed=4)))
LINEAR = module("nn.Linear", weight=tensor(numbers(2, 3, seed=5)), bias=tensor(numbers(2, seed=6)))
TRIM_ZERO = module("nn.TrimZero", modules=table(LINEAR), nInputDim=1)
RECURRENCE = module(
    "nn.Recurrence", outputSize=table(6), nInputDim=1, recurrentModule=sequential(module("nn.CAddTable"))
)
# A unit of the package rnn: the step of its file is any network of input and last output.
UNIT = module("nn.MuFuRu", outputSize=6, recurrentModule=module("nn.CAddTable"))
LANGUAGE_SEQUENCER = module(
    "nn.BiSequencerLM",
    modules=table(
        in_steps(UNIT),
        sequential(
            module("nn.ReverseTable"), in_steps(module("nn.MulConstant", constant_scalar=2)), module("nn.ReverseTable")
        ),
        sequential(module("nn.ZipTable"), in_steps(module("nn.JoinTable", dimension=1, nInputDims=1))),
    ),
)
CONTRASTIVE = module(
    "nn.NCEModule",
    weight=tensor(numbers(5, 6, seed=4)),
    bias=tensor(numbers(5, seed=5)),
    unigrams=tensor(numbers(5)),
    k=2,
)
REGIONS = {name: module(name, W=3, H=2, spatial_scale=0.5) for name in ("inn.ROIPooling", "nn.ROIPooling")}
REPEATER = module("nn.Repeater", modules=table(RECURRENCE), rho=3)


def parallel(version):
    """Return the module that spreads a batch over several cards, as cunn wrote it in two times."""
    network = module("nn.DataParallelTable", modules=table(LINEAR), gpuAssignments=table(1, 2), dimension=1)
    network.version = version
    network.fields["impl"] = module("nn.DataParallelTable.Basic", dpt=network)
    return network


@pytest.mark.parametrize("name", ALL)
def test_module_agrees_with_pytorch(name):
    network, expected = ALL[name]
    x = X.numpy() * (3 if name == "relu6" else 1)
    np.testing.assert_allclose(run(network, x), expected.numpy(), rtol=2e-5, atol=2e-6)


def test_steps_get_what_is_before_and_after_them():
    steps = [torch.tensor(numbers(3, 6, seed=i)) for i in range(4)]
    model = convert_network(LANGUAGE_SEQUENCER, BuildOptions([(None, 6)] * 4)).model
    sums = [torch.zeros(3, 6), *torch.stack(steps).cumsum(0)]
    for i, found in enumerate(model([step.numpy() for step in steps])):
        after = 2 * steps[i + 1] if i < 3 else torch.zeros(3, 6)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(found), torch.cat([sums[i], after], 1), atol=1e-6)
    with pytest.raises(UserError, match="takes a table of at least 2 steps, but its input has 1"):
        convert_network(LANGUAGE_SEQUENCER, BuildOptions([(None, 6)]))


@pytest.mark.parametrize("logarithm", [False, True])
def test_the_noise_of_training_is_left_out(logarithm):
    x, fields = torch.tensor(numbers(3, 6)), CONTRASTIVE.fields | {"normalized": True, "logsoftmax": logarithm}
    model = convert_network(module("nn.NCEModule", **fields)).model
    found = keras.ops.convert_to_numpy(model([x.numpy(), np.float32([1, 2, 3])]))
    scores = F.linear(x, *(torch.tensor(CONTRASTIVE.get(name).array) for name in ("weight", "bias")))
    expected = scores.log_softmax(1) if logarithm else scores.softmax(1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_padding_of_pictures_without_batch():
    own = module("nn.SpatialPadding", pad_l=1, pad_r=2, pad_t=-1, pad_b=0)
    found = keras.ops.convert_to_numpy(convert_network(own).model(X.numpy().transpose(0, 2, 3, 1)))
    np.testing.assert_array_equal(found.transpose(0, 3, 1, 2), F.pad(X, (1, 2, -1, 0)))
    with pytest.raises(UserError, match=r"pads the dimensions \(2, 3\) of .*; only height and width are supported"):
        convert_network(own, BuildOptions(batch=True))


def test_samples_drawn_in_evaluation_are_refused():
    with pytest.raises(UserError, match="draws samples in evaluation too"):
        convert_network(module("nn.ReinforceCategorical", stochastic=True))


@pytest.mark.parametrize("name", REGIONS)
def test_regions_are_pooled(name):
    """A detector that takes pictures and boxes, both numbered from 1 on."""
    boxes = np.float32([[1, 1, 1, 9, 5], [2, 3, 1, 11, 9], [2, 5, 3, 5, 3]])
    parts = [(0, slice(0, 3), slice(0, 5)), (1, slice(0, 5), slice(1, 6)), (1, slice(1, 2), slice(2, 3))]
    expected = torch.cat([F.adaptive_max_pool2d(2 * X[i : i + 1, :, y, x], (2, 3)) for i, y, x in parts])
    first = module(
        "nn.ParallelTable", modules=table(module("nn.MulConstant", constant_scalar=2), module("nn.Identity"))
    )
    network = sequential(first, REGIONS[name])
    model = convert_network(network, BuildOptions(((None, 4, 5, 6), (None, 5)))).model
    found = keras.ops.convert_to_numpy(model([X.numpy().transpose(0, 2, 3, 1), boxes]))
    np.testing.assert_array_equal(found.transpose(0, 3, 1, 2), expected)
    with pytest.raises(UserError, match=r"needs the height and width of its pictures: give .* as `input_shape`"):
        convert_network(REGIONS[name])


def test_parameters_that_make_no_matrix_are_refused():
    with pytest.raises(UserError, match=r"gets 7 parameters, which do not fit \{'useRotation': True"):
        convert_network(spatial_transformer(7, useRotation=1, useScale=1, useTranslation=1), BuildOptions(batch=True))


def test_every_registered_type_is_tested():
    values = [read_t7(case.path) for case in [*CASES, *WIDE_CASES]]
    values += [*(network for network, _ in ALL.values()), DICTIONARY, TRIM_ZERO, RECURRENCE, REPEATER, parallel(1)]
    values += [
        *REGIONS.values(),
        LANGUAGE_SEQUENCER,
        CONTRASTIVE,
        language_model(),
        recurrent_layer("nn.VanillaRNN"),
        projected_lstm(3, 5, 4),
        module("OneHot"),
    ]
    values += [cudnn_layer(name) for name in CUDNN_LAYERS]
    values += [case.network for case in PACKAGE_CASES.values()]
    tested = {item.type_name for value in values for item in walk(value) if isinstance(item, TorchObject)}
    # Names of cudnn for what is tested under nn's, through one and the same function.
    untested = {name for name in CONVERTERS if name not in tested and "nn." + name.partition(".")[2] not in tested}
    assert not untested


def test_cudnn_names_share_the_converter_of_nn():
    sequences = {"cudnn.LSTM", "cudnn.GRU"}  # nn's of these names are of the package rnn, and take steps
    for name, converter in CONVERTERS.items():
        if name.startswith("cudnn.") and name not in sequences and "nn." + name[6:] in CONVERTERS:
            assert CONVERTERS["nn." + name[6:]] is converter or CONVERTERS["nn." + name[6:]].__name__ == "convert"


def test_shared_module_has_one_set_of_weights():
    shared = convolution(4, 4, kernel=(3, 3), pad=(1, 1))
    conversion = convert_network(sequential(shared, module("nn.Tanh"), shared))
    assert conversion.model.count_params() == 4 * 4 * 9 + 4
    assert conversion.tensors_used == 2
    weight, bias = (torch.tensor(shared.get(name).array) for name in ("weight", "bias"))
    expected = F.conv2d(F.conv2d(X, weight, bias, padding=1).tanh(), weight, bias, padding=1)
    np.testing.assert_allclose(run(sequential(shared, module("nn.Tanh"), shared), X.numpy()), expected, atol=1e-5)


def test_in_place_module_changes_what_an_identity_passed_on():
    relu = module("nn.ReLU", inplace=True)
    network = sequential(split(module("nn.Identity"), relu), module("nn.CAddTable"))
    np.testing.assert_allclose(run(network, X.numpy()), 2 * X.relu(), rtol=1e-6)


def reshaped(*values, samples=3):
    return module("nn.View", size=sizes(*values), numElements=1, numInputDims=samples)


RELU = module("nn.ReLU", inplace=True)
# Modules that make views: what they write into is seen by the tensor itself, and the other way round.
VIEWS = {
    "view": sequential(split(module("nn.Identity"), sequential(reshaped(20, 6), RELU, reshaped(4, 5, 6, samples=2)))),
    "reshape": sequential(
        split(
            module("nn.Identity"), sequential(module("nn.Reshape", size=sizes(120)), RELU, reshaped(4, 5, 6, samples=1))
        )
    ),
    "unsqueeze": sequential(
        split(
            module("nn.Identity"),
            sequential(
                module("nn.Unsqueeze", pos=2, numInputDims=3), RELU, module("nn.Squeeze", dim=2, numInputDims=4)
            ),
        )
    ),
    "slices": sequential(
        split(
            module("nn.Identity"),
            sequential(module("nn.SplitTable", dimension=2), module("nn.ParallelTable", modules=table(*[RELU] * 4))),
        ),
        module("nn.SelectTable", index=1),
        split(module("nn.Identity"), module("nn.Identity")),
    ),
    "slices_of_a_view": sequential(
        split(
            module("nn.Identity"),
            sequential(
                reshaped(2, 60),
                module("nn.Parallel", inputDimension=2, outputDimension=2, modules=table(RELU, RELU)),
                reshaped(4, 5, 6, samples=1),
            ),
        )
    ),
    "earlier_slices": sequential(
        split(module("nn.SplitTable", dimension=2), RELU),
        module(
            "nn.ParallelTable",
            modules=table(
                sequential(
                    module("nn.MapTable", module=module("nn.Unsqueeze", pos=1, numInputDims=2)),
                    module("nn.JoinTable", dimension=2),
                ),
                module("nn.Identity"),
            ),
        ),
    ),
    "earlier": sequential(
        split(reshaped(20, 6), RELU),
        module("nn.ParallelTable", modules=table(reshaped(4, 5, 6, samples=2), module("nn.Identity"))),
    ),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shares_its_tensors_memory(name):
    network = sequential(module("nn.Tanh"), VIEWS[name])
    model = convert_network(network, BuildOptions(((None, 4, 5, 6),), batch=True)).model
    for found in model(X.numpy().transpose(0, 2, 3, 1)):
        np.testing.assert_allclose(found, X.tanh().relu().permute(0, 2, 3, 1), rtol=1e-5, atol=1e-6)


def test_memory_of_free_sizes_is_shared_for_what_is_read_alone():
    written = sequential(reshaped(-1), RELU)
    found = run(sequential(convolution(4, 3), written), X.numpy())
    own = convolution(4, 3)
    expected = F.conv2d(X, *(torch.tensor(own.get(name).array) for name in ("weight", "bias"))).relu().flatten(1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ArgumentError, match=r"a view of a tensor, of free sizes, .* as `input_shape`"):
        run(sequential(convolution(4, 3), split(module("nn.Identity"), written)), X.numpy())


@pytest.mark.parametrize(
    "module_of_32",
    [
        module("nn.View", size=sizes(32, 4, 30), numElements=3840),
        module("nn.Reshape", size=sizes(32, 4, 30), nelement=3840, batchsize=sizes(1, 32, 4, 30)),
    ],
    ids=["View", "Reshape"],
)
def test_sizes_that_name_the_batch_of_a_training_take_any(module_of_32):
    network = sequential(convolution(4, 4, weight=numbers(4, 4, 1, 1), bias=np.zeros(4)), module_of_32)
    model = convert_network(network, BuildOptions(shapes=[(None, 4, 5, 6)], batch=True)).model
    weight = torch.tensor(network.get("modules")[1].get("weight").array)
    expected = F.conv2d(X, weight).reshape(2, 4, 30)
    found = keras.ops.convert_to_numpy(model(X.numpy().transpose(0, 2, 3, 1)))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_table_as_output_becomes_a_list():
    first, second = run(split(*PARTS), X.numpy())
    np.testing.assert_allclose(first, part(0), atol=1e-5)
    np.testing.assert_allclose(second, part(1), atol=1e-5)


def deep_network(depth):
    network = module("nn.Identity")
    for _ in range(depth):
        network = sequential(network)
    return network


def doubled(part, levels, make):
    """Return what stands for 2^levels parts, each level holding the one below twice."""
    for _ in range(levels):
        part = make(part, part)
    return part


ERRORS = {
    "unknown type": (
        sequential(convolution(4, 3), sequential(module("nn.Foo"))),
        r"modules\[1\]\.modules\[0\]: no converter for nn.Foo: .*known: .*nn.Abs",
    ),
    "unused tensor": (
        module("nn.Tanh", surprise=tensor(numbers(3))),
        "unused tensors: surprise",
    ),
    "missing weight": (
        module("nn.SpatialConvolution", nInputPlane=3, nOutputPlane=2, kH=1, kW=1),
        "weight is missing",
    ),
    "wrong weight": (
        convolution(4, 3, kernel=(3, 3), weight=W4),
        r"weight of shape \(3, 4, 3, 2\), expected \(3, 4, 3, 3\)",
    ),
    "wrong bias": (convolution(4, 3, bias=numbers(2)), "shapes"),
    "nan": (convolution(4, 3, bias=np.array([0, np.nan, 0], np.float32)), "not finite"),
    "too large": (
        sequential(module("nn.Tanh"), convolution(4, 3, bias=np.array([0, -2e10, 0], np.float32))),
        r"modules\[1\] \(nn.SpatialConvolution\): bias contains 2e\+10, beyond 1e\+10",
    ),
    "mismatch": (sequential(convolution(4, 3), convolution(4, 3)), "needs 4 input channels"),
    "channels that nothing tells": (
        sequential(module("nn.Transpose", permutations=table(table(2, 4), table(3, 4))), convolution(4, 3)),
        r"modules\[1\].*needs 4 input channels.*give the sizes of the network's input as `input_shape`",
    ),
    "table for a tensor": (sequential(split(*PARTS), module("nn.Tanh")), "takes one tensor"),
    "tensor for a table": (module("nn.CAddTable"), "takes a table"),
    "no number": (module("nn.AddConstant", constant_scalar="1"), "expected a number"),
    "no module": (table(1, 2), "without the entry 'model'"),
    "string": ("text", "where a network module is expected"),
    "too deep": (deep_network(300), "levels"),
    "endless modules": (doubled(module("nn.Identity"), 40, sequential), "5000 modules"),
    "unpooling alone": (
        module("nn.SpatialMaxUnpooling", pooling=module("nn.SpatialMaxPooling", kH=2, kW=2, dH=2, dW=2)),
        "does not come before",
    ),
    "huge kernel": (module("nn.SpatialMaxPooling", kH=2**20, kW=2, dH=2, dW=2), "from 1 to 1024"),
    "endless list": (
        sequential(*[split(module("nn.Identity"), module("nn.Identity")) for _ in range(60)]),
        "more than 10000 tensors",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_error_says_where_and_what(name):
    network, message = ERRORS[name]
    with pytest.raises(UserError, match=message) as error:
        convert_network(network)
    assert "\n" not in str(error.value)


def test_features_of_pictures_of_another_size_are_refused():
    linear = module("nn.Linear", weight=tensor(numbers(2, 120, seed=5)), bias=tensor(numbers(2, seed=6)))
    model = convert_network(
        sequential(module("nn.SpatialMaxPooling", kH=1, kW=1, dH=1, dW=1), reshaped(-1), linear)
    ).model
    x = numbers(2, 5, 6, 4)
    assert model(x).shape == (2, 2)
    with pytest.raises(Exception, match="120"):  # each backend has its own kind
        model(numbers(2, 10, 6, 4))


def test_reshape_keeps_the_batch():
    pool = module("nn.SpatialMaxPooling", kH=1, kW=1, dH=1, dW=1)
    network = sequential(pool, module("nn.Reshape", size=sizes(6, 20)))
    model = convert_network(network).model
    x = numbers(2, 5, 6, 4)
    expected = torch.tensor(x).permute(0, 3, 1, 2).reshape(2, 6, 20)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), expected, rtol=1e-6)
    with pytest.raises(Exception, match=r"(?i)reshape|size|shape"):  # each backend has its own kind
        model(numbers(2, 10, 6, 4))
    with pytest.raises(UserError, match=r"\[6, 20\] of samples of the sizes \[4, 5, 5\]"):
        convert_network(network, BuildOptions(((None, 4, 5, 5),), batch=True))


def test_checkpoint_table_is_opened():
    checkpoint = table(model=module("nn.Tanh"), opt=LuaTable({"size": 3}))
    np.testing.assert_allclose(run(checkpoint, X.numpy()), X.tanh(), rtol=1e-5)


def keyed(normalize):
    """Return an IndexLinear of 5 keys and 2 outputs, and what its formula makes of keys and values of one sample."""
    columns, weight, bias = numbers(5, 4, seed=1), numbers(5, 2, seed=2), numbers(2, seed=3)
    columns[:, 0] = np.abs(columns[:, 0])
    columns[:, 1] = 1 / columns[:, 0]
    whole = np.concatenate([columns, weight], axis=1) if normalize else weight
    fields = {"normalize": 4 if normalize else 0, "offset": -1, "weight": tensor(whole), "bias": tensor(bias)}

    def expected(keys, values):
        rows = keys.astype(int) - 1
        if normalize:
            inside = np.abs(values) <= columns[rows, 0]
            values = np.where(inside, values * columns[rows, 1], np.sign(values)) + columns[rows, 3]
        return values @ weight[rows] + bias

    return module("nn.IndexLinear", **fields), expected


@pytest.mark.parametrize("normalize", [False, True])
def test_keys_and_values_of_all_samples_in_a_row(normalize):
    network, expected = keyed(normalize)
    keys = np.array([1, 3, 5, 2, 3], np.float32)
    values = np.array([0.1, -3, 0.4, 2, -0.2], np.float32)
    model = convert_network(network, BuildOptions(((None,), (None,), (None,)), batch=True)).model
    found = keras.ops.convert_to_numpy(model([keys, values, np.array([2, 3], np.float32)]))
    wanted = [expected(keys[:2], values[:2]), expected(keys[2:], values[2:])]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_keys_and_values_of_one_sample_are_normalised():
    network, expected = keyed(True)
    keys, values = np.array([4, 1], np.float32), np.array([-0.1, 9], np.float32)
    model = convert_network(network, BuildOptions(((None,), (None,)), batch=True)).model
    found = keras.ops.convert_to_numpy(model([keys, values]))
    np.testing.assert_allclose(found, expected(keys, values), rtol=1e-5)


def sequence_steps(kind, x, weight, bias, units):
    """Follow nn.SeqLSTM or nn.SeqGRU with maskzero, step by step."""
    squash = lambda values: 1 / (1 + np.exp(-values))  # noqa: E731
    h, c, outputs = np.zeros((x.shape[1], units)), np.zeros((x.shape[1], units)), []
    for step in x:
        given, fed = step @ weight[: x.shape[2]] + bias, weight[x.shape[2] :]
        if kind == "nn.SeqLSTM":
            i, f, o, g = np.split(given + h @ fed, 4, axis=1)
            c = squash(f) * c + squash(i) * np.tanh(g)
            h = squash(o) * np.tanh(c)
        else:
            r, u = np.split(squash(given[:, : 2 * units] + h @ fed[:, : 2 * units]), 2, axis=1)
            candidate = np.tanh(given[:, 2 * units :] + (r * h) @ fed[:, 2 * units :])
            h = (1 - u) * candidate + u * h
        kept = (step != 0).any(axis=1, keepdims=True)
        h, c = h * kept, c * kept
        outputs.append(h)
    return np.stack(outputs)


@pytest.mark.parametrize(("kind", "gates", "names"), [("nn.SeqLSTM", 4, "size"), ("nn.SeqGRU", 3, "Size")])
def test_sequences_begin_anew_after_steps_of_zeros(kind, gates, names, tmp_path):
    units, x = 4, numbers(6, 2, 3)
    x[2] = x[4, 1] = 0
    weight, bias = numbers(3 + units, gates * units, seed=1), numbers(gates * units, seed=2)
    sizes_of = {f"input{names}": 3, f"output{names}": units}
    network = module(kind, weight=tensor(weight), bias=tensor(bias), maskzero=True, **sizes_of)
    model = convert_network(network, BuildOptions(((None, None, 3),), batch=True)).model
    model.save(tmp_path / "model.keras")
    for each in (model, keras.saving.load_model(tmp_path / "model.keras")):
        found = keras.ops.convert_to_numpy(each(x))
        np.testing.assert_allclose(found, sequence_steps(kind, x, weight, bias, units), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch_first", [False, True])
def test_a_sequence_of_known_length_is_taken_apart_into_its_steps(batch_first):
    """Torch7's time stands first then, where there is no batch to keep: samples are whole batches of sequences."""
    units, x = 4, numbers(2, 5, 3, 3)
    x[:, 1] = 0
    weight, bias = numbers(3 + units, 4 * units, seed=1), numbers(4 * units, seed=2)
    fields = {"maskzero": True, "batchfirst": batch_first, "inputsize": 3, "outputsize": units}
    lstm = module("nn.SeqLSTM", weight=tensor(weight), bias=tensor(bias), **fields)
    network = sequential(lstm, module("nn.SplitTable", dimension=2 if batch_first else 1))
    given = np.ascontiguousarray(x.swapaxes(1, 2)) if batch_first else x
    model = convert_network(network, BuildOptions(((None, *given.shape[1:]),))).model
    found = model(given.transpose(0, 2, 3, 1))
    expected = np.stack([sequence_steps("nn.SeqLSTM", sample, weight, bias, units) for sample in x])
    for step, made in enumerate(found):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(made), expected[:, step], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_windows_beyond_a_volume_are_dropped_along_all_axes_where_one_is_padded(kind):
    """THNN: `if (padT || padW || padH)` the last windows start inside along time, height and width."""
    windows = {"kT": 1, "dT": 2, "padT": 0, "kH": 2, "dH": 3, "padH": 1, "kW": 3, "dW": 1, "padW": 1}
    pooling = module(f"nn.Volumetric{kind}Pooling", ceil_mode=True, count_include_pad=True, **windows)
    x = torch.tensor(numbers(2, 3, 6, 7, 8))
    pool = F.max_pool3d if kind == "Max" else F.avg_pool3d
    expected = pool(x, (1, 2, 3), (2, 3, 1), (0, 1, 1), ceil_mode=True)
    model = convert_network(pooling, BuildOptions(((None, 3, 6, 7, 8),), batch=True)).model
    found = keras.ops.convert_to_numpy(model(x.permute(0, 2, 3, 4, 1).numpy()))
    np.testing.assert_allclose(found, expected.permute(0, 2, 3, 4, 1).numpy(), rtol=1e-5, atol=1e-6)


def test_recurrence_starts_from_zeros():
    x = [numbers(2, 6, seed=seed) for seed in range(3)]
    model = convert_network(in_steps(RECURRENCE), BuildOptions(((None, 6),) * 3, batch=True)).model
    found = [keras.ops.convert_to_numpy(y) for y in model(x)]
    np.testing.assert_allclose(found, np.cumsum(x, axis=0), rtol=1e-5)


def test_a_dictionary_looks_its_rows_up():
    x = np.float32([[1, 5, 2, 2], [3, 3, 4, 1]])
    model = convert_network(DICTIONARY, BuildOptions(((None, 4),), batch=True)).model
    expected = F.embedding(torch.tensor(x).long() - 1, torch.tensor(DICTIONARY.get("weight").array))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), expected.numpy(), rtol=1e-6)


def test_rows_of_zeros_stay_rows_of_zeros():
    x = numbers(4, 3)
    x[1] = 0
    model = convert_network(TRIM_ZERO, BuildOptions(((None, 3),), batch=True)).model
    linear = F.linear(torch.tensor(x), *(torch.tensor(LINEAR.get(name).array) for name in ("weight", "bias"))).numpy()
    expected = linear * np.float32([[1], [0], [1], [1]])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), expected, rtol=1e-5, atol=1e-6)


def test_a_recurrence_of_pictures_starts_from_pictures_of_zeros():
    weights = [numbers(3, channels, 3, 3, seed=i) for i, channels in enumerate((2, 3))]
    parts = [convolution(w.shape[1], 3, kernel=(3, 3), pad=(1, 1), weight=w, bias=np.zeros(3)) for w in weights]
    step = sequential(module("nn.ParallelTable", modules=table(*parts)), module("nn.CAddTable"))
    network = in_steps(module("nn.Recurrence", recurrentModule=step, outputSize=table(3, 5, 6), nInputDim=3))
    x = torch.tensor(numbers(2, 4, 2, 5, 6, seed=7))
    shapes = ((None, 2, 5, 6),) * 2
    found = convert_network(network, BuildOptions(shapes, batch=True)).model([y.permute(0, 2, 3, 1).numpy() for y in x])
    first = F.conv2d(x[0], torch.tensor(weights[0]), padding=1)
    second = F.conv2d(x[1], torch.tensor(weights[0]), padding=1) + F.conv2d(first, torch.tensor(weights[1]), padding=1)
    for y, expected in zip(found, (first, second), strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(y).transpose(0, 3, 1, 2), expected, rtol=1e-4, atol=1e-4)


def test_a_recurrence_may_remember_a_table():
    swap = module("nn.ConcatTable", modules=table(module("nn.SelectTable", index=2), module("nn.SelectTable", index=1)))
    step = sequential(
        split(sequential(module("nn.SelectTable", index=1)), sequential(module("nn.SelectTable", index=2), swap)),
        module("nn.FlattenTable"),
        split(
            sequential(module("nn.NarrowTable", offset=1, length=2), module("nn.CAddTable")),
            module("nn.SelectTable", index=3),
        ),
    )
    sizes_of = table(table(6), table(6))
    network = in_steps(module("nn.Recurrence", recurrentModule=step, outputSize=sizes_of, nInputDim=1))
    x = [numbers(2, 6, seed=seed) for seed in range(3)]
    found = convert_network(network, BuildOptions(((None, 6),) * 3, batch=True)).model(x)
    # Each step returns {input + second of the last step, first of the last step}.
    expected = [x[0], np.zeros((2, 6)), x[1], x[0], x[2] + x[0], x[1]]
    np.testing.assert_allclose([keras.ops.convert_to_numpy(y) for y in found], expected, rtol=1e-5)


def test_a_repeater_gives_all_steps_the_same_input():
    x = numbers(2, 6)
    found = convert_network(REPEATER, BuildOptions(((None, 6),), batch=True)).model(x)
    np.testing.assert_allclose([keras.ops.convert_to_numpy(y) for y in found], [x, 2 * x, 3 * x], rtol=1e-5)


def test_a_sequencer_takes_the_slices_of_a_tensor():
    x = numbers(4, 2, 6)
    model = convert_network(in_steps(RECURRENCE), BuildOptions(((None, 4, 2, 6),), batch=False)).model
    found = keras.ops.convert_to_numpy(model(np.moveaxis(x[None], 1, -1)))  # four axes with the batch: channels last
    np.testing.assert_allclose(np.moveaxis(found, -1, 1)[0], np.cumsum(x, axis=0), rtol=1e-5)


def test_pictures_of_zeros_stay_pictures_of_zeros():
    x = X.clone()
    x[1] = 0
    x[0, :, 2] = 0  # rows and pixels of zeros are computed with
    network = module("nn.MaskZero", modules=table(PARTS[0]), nInputDim=3)
    expected = F.conv2d(x, *(torch.tensor(PARTS[0].get(name).array) for name in ("weight", "bias")))
    expected[1] = 0
    np.testing.assert_allclose(run(network, x.numpy()), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 6), (6,), (2, 3, 4, 5), (3, 4, 5)])
def test_crelu_with_and_without_a_batch(shape):
    rank = 1 if len(shape) < 3 else 3
    inside = table(
        split(module("nn.Identity"), module("nn.MulConstant", constant_scalar=-1)),
        module("nn.JoinTable", dimension=2),
        module("nn.ReLU"),
    )
    # A module before it makes the sample's dimensions those of the network.
    network = sequential(module("nn.Tanh"), module("nn.CReLU", nInputDims=rank, modules=inside))
    x = torch.tensor(numbers(*shape))
    batch = len(shape) > rank
    given = x if batch else x[None]
    model = convert_network(network, BuildOptions(((None, *given.shape[1:]),), batch=batch)).model
    found = keras.ops.convert_to_numpy(model(given.movedim(1, -1).numpy()))
    found = np.moveaxis(found, -1, 1) if given.ndim == 4 else found
    np.testing.assert_allclose(found, torch.cat([given.tanh(), -given.tanh()], 1).relu(), rtol=1e-5, atol=1e-6)


CONVERSIONS = {
    "b* to b*": ((2, 3, 4), lambda x: x),
    "chwb to bf": ((2, 3, 4, 5), lambda x: x.transpose(0, 3).reshape(5, -1)),
    "bt to b": ((2, 3), lambda x: x[:, 0]),
    "tb to b": ((2, 3), lambda x: x[0]),
    "bf to b": ((2, 1), lambda x: x[:, 0]),
    "b to bt": ((3,), lambda x: x[:, None]),
}


@pytest.mark.parametrize("conversion", CONVERSIONS)
def test_dimensions_by_letters(conversion):
    given, wanted = conversion.split(" to ")
    shape, expected = CONVERSIONS[conversion]
    x = torch.tensor(numbers(*shape))
    network = module("nn.Convert", inputShape=given, outputShape=wanted)
    model = convert_network(network, BuildOptions((shape,), batch=True, along_batch=True)).model
    found = keras.ops.convert_to_numpy(model(x.movedim(1, -1).numpy() if x.ndim == 4 else x.numpy()))
    np.testing.assert_allclose(found, expected(x), rtol=1e-6)


def test_a_sample_has_the_order_of_its_batch():
    x = torch.tensor(numbers(2, 3, 4))
    network = module("nn.Convert", inputShape="chwb", outputShape="bf")
    model = convert_network(network, BuildOptions(((None, 2, 3, 4),), batch=False)).model
    found = keras.ops.convert_to_numpy(model(x[None].movedim(1, -1).numpy()))
    # The batch, if there were one, would change places with the channels.
    np.testing.assert_allclose(found, x[..., None].transpose(0, 3).reshape(1, -1), rtol=1e-6)


@pytest.mark.parametrize("version", [1, 3])
def test_copies_on_several_cards_are_one_network(version, tmp_path):
    (tmp_path / "network.t7").write_bytes(write_t7(sequential(parallel(version), module("nn.Tanh"))))
    x = numbers(4, 3)
    model = convert_network(read_t7(tmp_path / "network.t7"), BuildOptions(batch=True)).model
    linear = F.linear(torch.tensor(x), *(torch.tensor(LINEAR.get(name).array) for name in ("weight", "bias")))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), linear.tanh().numpy(), rtol=1e-5, atol=1e-6)


def test_an_endless_state_is_refused():
    network = in_steps(module("nn.Recurrence", outputSize=doubled(table(5), 40, table), nInputDim=1))
    with pytest.raises(UserError, match="outputSize has more than 100 sizes"):
        convert_network(network.get("modules")[1], BuildOptions(((None, 4),), batch=True))
