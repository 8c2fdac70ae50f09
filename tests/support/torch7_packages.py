"""Modules of the packages nnx, dpnn, rnn, fbcunn and of published programs, with what PyTorch makes of their input.

Written from the packages' Lua code, since no file of real Torch7 with them is at hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from convert.torch7.file.values import LuaTable, TorchObject
from support.torch7_writer import convolution, module, numbers, sequential, sizes, table, tensor


@dataclass(frozen=True)
class PackageCase:
    """A network, its inputs and outputs in Torch7's order, and the shape of its inputs where it is to be given."""

    network: TorchObject
    inputs: tuple[torch.Tensor, ...]
    outputs: tuple[torch.Tensor, ...]
    shapes: tuple[tuple[int | None, ...], ...] | None = None


X = torch.tensor(numbers(2, 4, 5, 6))
SEQUENCE = torch.tensor(numbers(5, 2, 3, seed=1))  # time, batch, features
BOXES = torch.tensor([[1, 2, 3, 9, 7], [2, 4, 1, 6, 11], [1, 0, 0, 5, 5]], dtype=torch.float32)


def _case(network: TorchObject, output: torch.Tensor, *inputs: torch.Tensor, known: bool = False) -> PackageCase:
    given = inputs or (X,)
    shapes = tuple((None, *x.shape[1:]) for x in given) if known else None
    return PackageCase(network, given, (output,), shapes)


def _convolution(kind: str, weight: np.ndarray, **fields: object) -> TorchObject:
    outputs, inputs, *kernel = weight.shape
    return convolution(inputs, outputs, kind=kind, kernel=kernel, weight=weight, **fields)


def _sequential_of(kind: str, *modules: TorchObject, **fields: object) -> TorchObject:
    return module(kind, modules=table(*modules), **fields)


W = numbers(8, 4, 3, 3, seed=3)
CONVOLVED = F.conv2d(X, torch.tensor(W), torch.tensor(numbers(8, seed=2)), padding=1)
MATRIX = numbers(3, 4, seed=4)
MIXED = F.conv2d(X, torch.tensor(MATRIX)[..., None, None], torch.tensor(numbers(3, seed=5)))
VOLUMES = torch.tensor(numbers(2, 3, 2, 4, 5, seed=15))
FRAMES = torch.tensor(numbers(2, 7, 3, seed=6))
TIME = numbers(4, 2, 3, seed=7)
CLASSES, ROWS = torch.tensor(numbers(3, 2, seed=8)), torch.tensor(numbers(3, 8, seed=9))
MEAN, STD = numbers(1, 4, seed=10), np.abs(numbers(1, 4, seed=11))
MOVES = torch.tensor(numbers(3, 4, seed=12))
A, B = numbers(1, 4, 1, 1, seed=13), numbers(1, 4, 1, 1, seed=14)


def _rows(weight: np.ndarray) -> TorchObject:
    return module("nn.Linear", weight=tensor(weight), bias=tensor(numbers(len(weight), seed=5)))


def _wide_context(scale: float) -> np.ndarray:
    a, b = (1 + scale) / 2, (1 - scale) / 2
    return np.float32([[a, 0, b, 0], [0, a, 0, b], [b, 0, a, 0], [0, b, 0, a]])


def _enlarged(factor: float) -> torch.Tensor:
    centre, half = (BOXES[:, 1:3] + BOXES[:, 3:]) / 2, (BOXES[:, 3:] - BOXES[:, 1:3]) / 2 * factor
    return torch.cat([BOXES[:, :1], centre - half, centre + half], 1)


def _moved() -> torch.Tensor:
    size = BOXES[:, 3:] - BOXES[:, 1:3]
    centre = (BOXES[:, 1:3] + BOXES[:, 3:]) / 2 + MOVES[:, :2] * size
    half = MOVES[:, 2:].exp() * size / 2
    return torch.cat([BOXES[:, :1], centre - half, centre + half], 1)


def _best() -> torch.Tensor:
    rows = ROWS.view(3, 2, 4)[torch.arange(3), CLASSES.argmax(1)]
    return rows * torch.tensor(STD) + torch.tensor(MEAN)


def _largest(count: int) -> torch.Tensor:
    order = FRAMES.topk(count, 1).indices.sort(1).values
    return FRAMES.gather(1, order)


PLAIN = {
    "minus": _case(module("nn.Minus"), -X),
    **{
        f"volumetric_{name}": _case(module(f"cudnn.Volumetric{name}"), output, VOLUMES, known=True)
        for name, output in {"SoftMax": VOLUMES.softmax(1), "LogSoftMax": VOLUMES.log_softmax(1)}.items()
    },
    "multi_softmax": _case(module("nn.MultiSoftMax"), FRAMES.softmax(2), FRAMES, known=True),
    "shown_only": _case(
        sequential(
            *(module(f"nn.{name}") for name in ("Probe", "Tic", "Toc", "DataLog")),
            module("w2nn.Print"),
            module("w2nn.PrintTable"),
            module("nn.PCAColorTransform", eigenVectors=tensor(numbers(3, 3)), eigenValues=tensor(numbers(3))),
            _sequential_of("nn.Type", module("nn.Tanh"), type="torch.FloatTensor"),
            _sequential_of("nn.SequentialSplitBatch", module("nn.Abs"), batch_size=1),
            _sequential_of("nn.ModeSwitch", module("nn.Exp"), module("nn.Square")),
        ),
        X.tanh().abs().square(),
    ),
    "affine_inn": _case(
        module("inn.SpatialConstAffine", a=tensor(A), b=tensor(B), inplace=False), X * torch.tensor(A) + torch.tensor(B)
    ),
    "model_parallel": _case(
        _sequential_of("nn.ModelParallelTable", module("nn.Tanh"), module("nn.Abs"), dimension=2),
        torch.cat([X.tanh(), X.abs()], 1),
    ),
    "gamma": _case(module("nn.ReinforceGamma", scale=1.5), X * 1.5),
    "gamma_of_two": _case(module("nn.ReinforceGamma"), CLASSES * ROWS[:, :2], CLASSES, ROWS[:, :2], known=True),
    "linear_without_bias_fbcunn": _case(
        module("nn.LinearNB", weight=tensor(MATRIX)), X[:, :, 0, 0] @ torch.tensor(MATRIX).T, X[:, :, 0, 0]
    ),
    "matrix_of_each_pixel": _case(
        sequential(
            module("nn.SpatialConvolution1_fw", weight=tensor(MATRIX), bias=tensor(numbers(1, 3, 1, 1, seed=5))),
            module("nn.SpatialLinear", weight=tensor(MATRIX[:, :3]), bias=tensor(numbers(3, seed=6)), fanin=3),
        ),
        F.conv2d(MIXED, torch.tensor(MATRIX[:, :3])[..., None, None], torch.tensor(numbers(3, seed=6))),
    ),
    **{
        f"convolution_{name}": _case(_convolution(f"nn.SpatialConvolution{name}", W, pad=(1, 1)), CONVOLVED)
        for name in ("CuFFT", "FBFFT", "FFT")
    },
    "convolution_upsample": _case(
        _convolution("nn.SpatialConvolutionUpsample", W, pad=(1, 1), factor=2, nOutputPlaneU=2),
        CONVOLVED.reshape(2, 2, 10, 12),
        known=True,
    ),
    "classifier_of_pixels": _case(
        module("nn.SpatialClassifier", classifier=sequential(_rows(MATRIX), module("nn.LogSoftMax"))),
        MIXED.log_softmax(1),
        X,
        known=True,
    ),
    "upsampling_nnx": _case(
        module("nn.SpatialUpSampling", dW=3, dH=2), X.repeat_interleave(2, 2).repeat_interleave(3, 3)
    ),
    "resampling_nnx": _case(
        module("nn.SpatialReSampling", oheight=3, owidth=9),
        F.interpolate(X, (3, 9), mode="bilinear", align_corners=True),
    ),
    "pixel_sort": _case(
        module("nn.PixelSort", downscaleFactor=2), F.pixel_unshuffle(X[:, :, :4], 2), X[:, :, :4], known=True
    ),
    "cross_map_fbcunn": _case(
        module("nn.CrossMapNormalization", size=3, scale=0.5, power=0.6), F.local_response_norm(X, 3, 0.5, 0.6, 1)
    ),
    "normalize_mc_cnn": _case(module("nn.Normalize2"), X / (X.square().sum(1, keepdim=True) + 1e-5).sqrt()),
    "stereo_pairs": PackageCase(
        module("nn.StereoJoin1"),
        (torch.tensor(numbers(4, 3, 5, 6)),),
        ((lambda x: (x[::2] * x[1::2]).sum(1, keepdim=True))(torch.tensor(numbers(4, 3, 5, 6))),),
    ),
    "uniform_crop": _case(module("nn.SpatialUniformCrop", oheight=2, owidth=4), X[:, :, 1:3, 0:4], known=True),
    "temporal_fbcunn": _case(
        module(
            "nn.TemporalConvolutionFB",
            inputFrameSize=3,
            outputFrameSize=4,
            kW=2,
            dW=1,
            weight=tensor(TIME),
            bias=tensor(numbers(4, seed=8)),
        ),
        F.conv1d(FRAMES.mT, torch.tensor(TIME).mT, torch.tensor(numbers(4, seed=8))).mT,
        FRAMES,
    ),
    "k_largest": _case(
        module("nn.TemporalKMaxPooling", k=2, k_dynamic=-1, indices=tensor(numbers(3))), _largest(2), FRAMES
    ),
    "box_normalization": _case(
        module("nn.BBoxNorm", mean=tensor(MEAN), std=tensor(STD)),
        ROWS * torch.tensor(STD).tile(2) + torch.tensor(MEAN).tile(2),
        ROWS,
        known=True,
    ),
    "context_region": _case(module("nn.ContextRegion", tr=tensor(_wide_context(1.5))), _enlarged(1.5), BOXES),
    "foveal": _case(module("nn.Foveal"), torch.stack([_enlarged(f) for f in (1, 1.5, 2, 4)], 1).reshape(-1, 5), BOXES),
    "moved_boxes": _case(module("nn.ConvertFrom"), _moved(), BOXES, MOVES),
    "selected_boxes": _case(
        module("nn.SelectBoxes", mean=tensor(MEAN), std=tensor(STD)), _best(), CLASSES, ROWS, known=True
    ),
}


PLACES = torch.tensor([[-0.9, 0.3], [0.45, 2.0]])


def _seen(x: torch.Tensor, sides: list[int]) -> torch.Tensor:
    """Follow the lines of nn.SpatialGlimpse for one picture after the other."""
    size, samples = sides[0], []
    for picture, place in zip(x, PLACES, strict=True):
        parts = []
        for side in sides:
            around = F.pad(picture, [(side - 1) // 2] * 4)
            free = [around.shape[1] - side, around.shape[2] - side]
            top, left = (int(min(f, max(0, (p.item() + 1) / 2 * f))) for p, f in zip(place, free, strict=True))
            part = around[None, :, top : top + side, left : left + side]
            parts.append(F.interpolate(part, (size, size), mode="bilinear", align_corners=True)[0])
        samples.append(torch.cat(parts))
    return torch.stack(samples)


def _heard(x: torch.Tensor, size: int) -> torch.Tensor:
    around = F.pad(x, (0, 0, (size - 1) // 2, (size - 1) // 2))
    free = around.shape[1] - size
    first = [int(min(free, max(0, (p.item() + 1) / 2 * free))) for p in PLACES[:, 0]]
    return torch.stack([sample[i : i + size] for sample, i in zip(around, first, strict=True)])


GLIMPSES = {
    "glimpse": _case(
        module("nn.SpatialGlimpse", size=3, depth=3, scale=2), _seen(X, [3, 6, 12]), X, PLACES, known=True
    ),
    "temporal_glimpse": _case(module("nn.TemporalGlimpse", size=4), _heard(FRAMES, 4), FRAMES, PLACES, known=True),
}

# Steps and sequences of the package torch/rnn.
UNITS, OUTPUTS = 4, 2


def _gates(count: int, outputs: int, seed: int, **fields: object) -> dict[str, object]:
    weight, bias = numbers(3 + outputs, count * UNITS, seed=seed), numbers(count * UNITS, seed=seed + 1)
    return {"inputsize": 3, "outputsize": outputs, "weight": tensor(weight), "bias": tensor(bias), **fields}


PROJECTION = numbers(UNITS, OUTPUTS, seed=20)
LSTM = _gates(4, UNITS, 21, hiddensize=UNITS)
LSTMP = _gates(4, OUTPUTS, 23, hiddensize=UNITS, weightO=tensor(PROJECTION))
GRU = _gates(3, UNITS, 25)


def follow(fields: dict[str, object], x: torch.Tensor, *, masked: bool = False) -> torch.Tensor:
    """Follow nn.StepLSTM or nn.StepGRU along time, by the lines of their updateOutput."""
    weight, bias = (torch.tensor(fields[name].array) for name in ("weight", "bias"))
    h = torch.zeros(x.shape[1], int(fields["outputsize"]))
    c, outputs = torch.zeros(x.shape[1], UNITS), []
    for step in x:
        given = step @ weight[:3] + bias
        if weight.shape[1] == 4 * UNITS:
            i, f, o, g = (given + h @ weight[3:]).split(UNITS, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            h = h @ torch.tensor(fields["weightO"].array) if "weightO" in fields else h
        else:
            r, u = (given[:, : 2 * UNITS] + h @ weight[3:, : 2 * UNITS]).sigmoid().split(UNITS, 1)
            new = (given[:, 2 * UNITS :] + (r * h) @ weight[3:, 2 * UNITS :]).tanh()
            h = (1 - u) * new + u * h
        kept = (step != 0).any(1, keepdim=True) if masked else torch.ones(len(step), 1)
        h, c = h * kept, c * kept
        outputs.append(h)
    return torch.stack(outputs)


def _both_ways(kind: str, forward: TorchObject, backward: TorchObject) -> TorchObject:
    turned = module(
        "nn.ReverseUnreverse",
        modules=table(sequential(module("nn.ReverseSequence"), backward, module("nn.ReverseSequence"))),
    )
    ways = module("nn.ConcatTable", modules=table(forward, turned))
    return module(kind, modules=table(sequential(ways, module("nn.CAddTable"))))


def _sequencer(step: TorchObject) -> TorchObject:
    return module("nn.Sequencer", module=step, modules=table(step))


def _recurrent(kind: str, step: TorchObject, fields: dict[str, object], **more: object) -> TorchObject:
    size = {name: fields[name] for name in ("inputsize", "hiddensize", "outputsize") if name in fields}
    return module(kind, modules=table(step), sharedClones=table(step), **size, **more)


HOLES = SEQUENCE.clone()
HOLES[1], HOLES[3, 1] = 0, 0
TANH_STEP = sequential(
    module("nn.JoinTable", dimension=1, nInputDims=1),
    module("nn.Linear", weight=tensor(numbers(4, 7, seed=30)), bias=tensor(numbers(4, seed=31))),
    module("nn.Tanh"),
)


def _tanh_steps() -> torch.Tensor:
    h, outputs = torch.zeros(2, 4), []
    for step in SEQUENCE:
        h = F.linear(torch.cat([step, h], 1), torch.tensor(numbers(4, 7, seed=30)), torch.tensor(numbers(4, seed=31)))
        h = h.tanh()
        outputs.append(h)
    return torch.stack(outputs)


def _words_step() -> TorchObject:
    look = module("nn.LookupTable", weight=tensor(numbers(6, 4, seed=32)))
    back = module("nn.Linear", weight=tensor(numbers(4, 4, seed=33)), bias=tensor(numbers(4, seed=34)))
    return sequential(
        module("nn.ParallelTable", modules=table(look, back)), module("nn.CAddTable"), module("nn.Sigmoid")
    )


WORDS = torch.tensor([[1.0, 4.0], [6.0, 2.0], [3.0, 3.0]])  # time, batch


def _words() -> torch.Tensor:
    h, outputs = torch.zeros(2, 4), []
    for step in WORDS:
        seen = torch.tensor(numbers(6, 4, seed=32))[step.long() - 1]
        h = (seen + F.linear(h, torch.tensor(numbers(4, 4, seed=33)), torch.tensor(numbers(4, seed=34)))).sigmoid()
        outputs.append(h)
    return torch.stack(outputs)


def _in_time(network: TorchObject, output: torch.Tensor, x: torch.Tensor = SEQUENCE) -> PackageCase:
    return PackageCase(network, (x,), (output,), (tuple(x.shape),))


SEQUENCES = {
    "lstm_steps": _in_time(
        _sequencer(_recurrent("nn.RecLSTM", module("nn.StepLSTM", **LSTM), LSTM)), follow(LSTM, SEQUENCE)
    ),
    "projected_lstm_steps": _in_time(
        _sequencer(_recurrent("nn.RecLSTM", module("nn.StepLSTM", **LSTMP), LSTMP)), follow(LSTMP, SEQUENCE)
    ),
    "masked_lstm_steps": _in_time(
        _sequencer(_recurrent("nn.RecLSTM", module("nn.StepLSTM", **LSTM, maskzero=True), LSTM)),
        follow(LSTM, HOLES, masked=True),
        HOLES,
    ),
    "gru_steps": _in_time(_sequencer(_recurrent("nn.RecGRU", module("nn.StepGRU", **GRU), GRU)), follow(GRU, SEQUENCE)),
    "linear_rnn": _in_time(
        _sequencer(module("nn.LinearRNN", modules=table(TANH_STEP), outputSize=table(4), nInputDim=1)), _tanh_steps()
    ),
    "lookup_rnn": _in_time(
        _sequencer(module("nn.LookupRNN", modules=table(_words_step()), outputSize=table(4), nInputDim=0)),
        _words(),
        WORDS,
    ),
    "newest_lstm": _in_time(module("nn.SeqLSTM", **LSTM), follow(LSTM, SEQUENCE)),
    "newest_projected_lstm": _in_time(module("nn.SeqLSTM", **LSTMP), follow(LSTMP, SEQUENCE)),
    "newest_gru": _in_time(module("nn.SeqGRU", **GRU), follow(GRU, SEQUENCE)),
    "normalised_lstm": _in_time(
        module(
            "nn.SeqLSTM_WN", **LSTM, g=tensor(numbers(2, 16)), v=tensor(numbers(7, 16)), norm=tensor(numbers(2, 16))
        ),
        follow(LSTM, SEQUENCE),
    ),
    "normalised_gru": _in_time(
        module(
            "nn.SeqGRU_WN",
            weight=GRU["weight"],
            bias=GRU["bias"],
            inputSize=3,
            outputSize=UNITS,
            g=tensor(numbers(2, 12)),
            v=tensor(numbers(7, 12)),
            scale=tensor(numbers(2, 12)),
        ),
        follow(GRU, SEQUENCE),
    ),
    "lstm_both_ways": _in_time(
        _both_ways("nn.SeqBLSTM", module("nn.SeqLSTM", **LSTM), module("nn.SeqLSTM", **LSTM)),
        follow(LSTM, SEQUENCE) + follow(LSTM, SEQUENCE.flip(0)).flip(0),
    ),
    "gru_both_ways": _in_time(
        _both_ways("nn.SeqBGRU", module("nn.SeqGRU", **GRU), module("nn.SeqGRU", **GRU)),
        follow(GRU, SEQUENCE) + follow(GRU, SEQUENCE.flip(0)).flip(0),
    ),
}

# DeepMask and SharpMask: a trunk with a picture's features in the middle, and the branches for masks and scores.
SMALL = torch.tensor(numbers(2, 3, 8, 8, seed=40))
FIRST, SECOND = numbers(4, 3, 3, 3, seed=41), numbers(5, 4, 1, 1, seed=42)
FULL, MASK, SCORE = numbers(6, 80, seed=43), numbers(9, 6, seed=44), numbers(1, 6, seed=45)
WIDE, SIDE = numbers(2 * 64, 6, seed=46), numbers(2, 4, 1, 1, seed=47)


def _linear(weight: np.ndarray) -> TorchObject:
    return module("nn.Linear", weight=tensor(weight), bias=tensor(numbers(len(weight), seed=2)))


def _view(*values: int) -> TorchObject:
    return module("nn.View", size=sizes(*values), numElements=1)


def _trunk() -> TorchObject:
    return sequential(
        _convolution("cudnn.SpatialConvolution", FIRST, pad=(1, 1)),
        module("cudnn.ReLU", inplace=True),
        _convolution("cudnn.SpatialConvolution", SECOND),
        module("nn.SpatialMaxPooling", kH=2, kW=2, dH=2, dW=2, padH=0, padW=0),
        _view(32, 80),  # 32 is the batch of the training
        _linear(FULL),
    )


def _affine(x: torch.Tensor, weight: np.ndarray) -> torch.Tensor:
    return F.linear(x, torch.tensor(weight), torch.tensor(numbers(len(weight), seed=2)))


def _scores(kind: str) -> PackageCase:
    middle = F.conv2d(SMALL, torch.tensor(FIRST), torch.tensor(numbers(4, seed=2)), padding=1).relu()
    last = F.conv2d(middle, torch.tensor(SECOND), torch.tensor(numbers(5, seed=2)))
    features = _affine(F.max_pool2d(last, 2).flatten(1), FULL)
    score = _affine(features, SCORE)
    fields = {"trunk": _trunk(), "scoreBranch": sequential(module("nn.Dropout", p=0.5, v2=True), _linear(SCORE))}
    if kind == "nn.DeepMask":
        resampled = module("nn.SpatialReSamplingEx", owidth=6, oheight=6, mode="bilinear")
        fields["maskBranch"] = sequential(
            sequential(_linear(MASK)), sequential(_view(32, 3, 3), resampled, _view(32, 36))
        )
        small = _affine(features, MASK).view(2, 1, 3, 3)
        mask = F.interpolate(small, (6, 6), mode="bilinear", align_corners=True).flatten(1)
    else:
        ways = module(
            "nn.ParallelTable", modules=table(_convolution("cudnn.SpatialConvolution", SIDE), module("nn.Tanh"))
        )
        join = module("nn.CAddTable")
        refined = sequential(
            ways, join, module("cudnn.ReLU", inplace=True), module("nn.SpatialUpSamplingNearest", scale_factor=2)
        )
        fields["refs"] = LuaTable({0: sequential(_linear(WIDE), _view(32, 2, 8, 8)), 1: refined})
        fields["skpos"] = table(2)
        side = F.conv2d(middle, torch.tensor(SIDE), torch.tensor(numbers(2, seed=2)))
        mask = F.interpolate((side + _affine(features, WIDE).view(2, 2, 8, 8).tanh()).relu(), scale_factor=2)
    return PackageCase(module(kind, **fields), (SMALL,), (mask, score), ((None, 3, 8, 8),))


MASKS = {name: _scores(f"nn.{name}") for name in ("DeepMask", "SharpMask")}


def _attention() -> PackageCase:
    """Return a network that adds to its state what it sees where the state tells: two of its four values."""
    place = sequential(module("nn.Narrow", dimension=2, index=1, length=2), module("nn.HardTanh"))
    look = sequential(module("nn.SpatialGlimpse", size=2, depth=1), _view(4))
    rnn = module(
        "nn.Recurrence",
        modules=table(
            sequential(module("nn.ParallelTable", modules=table(look, module("nn.Identity"))), module("nn.CAddTable"))
        ),
        outputSize=table(4),
        nInputDim=3,
    )
    network = module("nn.RecurrentAttention", rnn=rnn, action=place, nStep=3, hiddenSize=table(4))
    x, state, outputs = X[:, :1], torch.zeros(2, 4), []
    for _ in range(3):
        where = state[:, :2].clamp(-1, 1)
        offsets = [[int((p.item() + 1) / 2 * free) for p, free in zip(row, (3, 4), strict=True)] for row in where]
        seen = torch.stack([p[0, i : i + 2, j : j + 2].flatten() for p, (i, j) in zip(x, offsets, strict=True)])
        state = state + seen
        outputs.append(state)
    return PackageCase(network, (x,), tuple(outputs), ((None, 1, 5, 6),))


ROW = torch.tensor(numbers(3, 5, seed=40))
COUNTS = torch.tensor([2.0, 5.0, 1.0])
FACTORS = torch.tensor([[1, 0.5], [3, -2], [3, 1.5]])
TABLE, FRAME = numbers(4, 3, seed=41), numbers(2, 3, 4, seed=42)
CHANNELS = torch.tensor(numbers(2, 8, 3, 4, seed=43))


def _temporal(kind: str, weight: np.ndarray, **fields: object) -> TorchObject:
    return module(kind, weight=tensor(weight), bias=tensor(numbers(4, seed=8)), pad=1, **fields)


def _expanded(x: torch.Tensor) -> torch.Tensor:
    """Follow the lines of waifu2x' DepthExpand2x."""
    batch, depth, height, width = x.shape
    x = x.transpose(1, 3).reshape(batch, width, height * 2, depth // 2).transpose(1, 2)
    return x.reshape(batch, height * 2, width * 2, depth // 4).transpose(1, 3).transpose(2, 3)


def _waifu2x_slopes() -> TorchObject:
    scratch = {name: tensor(numbers(2)) for name in ("positive", "negative", "filter_positive", "filter_negative")}
    return sequential(
        module("nn.LeakyReLU", negative_scale=0.3, **scratch),
        module("nn.LeakyReLU", slope=0.5, inplace=False),
        module("fbnn.LeakyReLU", weight=tensor(np.float32([0.2])), nOutputPlane=0),
    )


# Of fbnn, nnx, waifu2x, neural-style, neuraltalk2 and forks of nn.
FURTHER = {
    "older_slopes": _case(_waifu2x_slopes(), torch.where(X > 0, X, X * 0.3 * 0.5 * 0.2)),
    "steep_sigmoid": _case(module("nn.PSigmoid", k=3), (3 * X).sigmoid()),
    "in_training_only": _case(
        sequential(
            module(
                "nn.ContentLoss", strength=5, target=tensor(numbers(3)), crit=module("nn.MSECriterion"), mode="none"
            ),
            module("nn.StyleLoss", target=tensor(numbers(3, 3)), G=tensor(numbers(3, 3)), gram=sequential()),
            module("w2nn.GradWeight", constant_scalar=3),
            module("nn.Balance", nBatch=10, inputCache=tensor(numbers(2)), prob=tensor(numbers(2)), train=False),
        ),
        X,
        X,
        known=True,
    ),
    "on_several_cards": PackageCase(
        _sequential_of("nn.GPUParallelTable", module("nn.Tanh"), module("nn.Abs"), devices=table(1, 2)),
        (ROW, CLASSES),
        (ROW.tanh(), CLASSES.abs()),
        ((None, 5), (None, 2)),
    ),
    "softmax_of_lengths": _case(
        module("nn.LenSoftMax"),
        torch.stack([F.pad(x[: int(n)].softmax(0), (0, 5 - int(n))) for x, n in zip(ROW, COUNTS, strict=True)]),
        ROW,
        COUNTS,
        known=True,
    ),
    **{
        f"unit_length_{kind}": _case(
            module(f"{kind}.L2Normalize", norms=tensor(numbers(3, 1))),
            ROW / ROW.norm(dim=1, keepdim=True),
            ROW,
            known=True,
        )
        for kind in ("nn", "fbnn")
    },
    "linear_no_backprop": _case(
        module("nn.LinearNoBackprop", weight=tensor(MATRIX), bias=tensor(numbers(3, seed=5))),
        F.linear(X[:, :, 0, 0], torch.tensor(MATRIX), torch.tensor(numbers(3, seed=5))),
        X[:, :, 0, 0],
    ),
    "faster_lookup": _case(
        module("nn.FasterLookup", weight=tensor(TABLE), count=tensor(np.zeros(4), "Int"), skipBoundChecking=False),
        torch.tensor(TABLE[[0, 3, 2]][None]),
        torch.tensor([[1.0, 4.0, 3.0]]),
    ),
    "weighted_lookup": _case(
        module("nn.WeightedLookupTable", weight=tensor(TABLE)), torch.tensor(TABLE[[0, 2, 2]]) * FACTORS[:, 1:], FACTORS
    ),
    "upsampling_fbnn": _case(module("nn.Upsample", factor=3), X.repeat_interleave(3, 2).repeat_interleave(3, 3)),
    **{
        f"depth_expansion_{kind}": _case(
            module(f"{kind}.DepthExpand2x", shape=sizes(2, 8, 3, 4)), _expanded(CHANNELS), CHANNELS, known=True
        )
        for kind in ("w2nn", "mynn")
    },
    **{
        f"convolution_{name}": _case(_convolution(f"w2nn.{name}", W, pad=(1, 1)), CONVOLVED)
        for name in ("EdgeFilter", "RandomBinaryConvolution")
    },
    "unfolded_convolution": _case(
        _temporal(
            "nn.UnfoldedTemporalConvolution", TIME.reshape(4, 6), kW=2, dW=1, inputFrameSize=3, outputFrameSize=4
        ),
        F.conv1d(FRAMES.mT, torch.tensor(TIME).mT, torch.tensor(numbers(4, seed=8)), padding=1).mT,
        FRAMES,
    ),
    "convolution_of_time_first": _case(
        _temporal("nn.TemporalConvolutionTBC", FRAME, kw=2, nIn=3, nOut=4),
        F.conv1d(
            SEQUENCE.permute(1, 2, 0), torch.tensor(FRAME).permute(2, 1, 0), torch.tensor(numbers(4, seed=8)), padding=1
        ).permute(2, 0, 1),
        SEQUENCE,
    ),
    "sentences_of_a_picture": _case(module("nn.FeatExpander", n=3), ROW.repeat_interleave(3, 0), ROW, known=True),
}


def _pushed() -> TorchObject:
    """Return a network that carries an element of its table past a layer, as nn.PullTable knows its nn.PushTable."""
    push = module("nn.PushTable", _index=2, output=table())
    pull = module("nn.PullTable", _push=push, _index=2, output=table())
    push.fields["_pulls"] = table(pull)
    return sequential(push, module("nn.SelectTable", index=1), module("nn.Tanh"), pull, module("nn.CAddTable"))


SMALL = {
    "exponential_of_nnx": _case(module("nn.ExponentialLU", alpha=0.5), F.elu(X, 0.5)),
    "centred": _case(
        module("nn.BatchCentering", running_mean=tensor(MEAN[0]), nOutput=4, momentum=0.1),
        X[:, :, 0, 0] - torch.tensor(MEAN),
        X[:, :, 0, 0],
    ),
    "centred_pictures": _case(
        module("nn.SpatialBatchCentering", running_mean=tensor(MEAN[0]), nOutput=4, momentum=0.1),
        X - torch.tensor(MEAN)[..., None, None],
    ),
    "reshaped_batch": _case(
        module("nn.BatchReshape", index=1, size=sizes(99, 2, 10), sizeindex=1, nelement=20),
        X.reshape(-1, 2, 10),
        known=True,
    ),
    "element_of_a_table": _case(
        sequential(
            module("nn.ConcatTable", modules=table(module("nn.Abs"), module("nn.Square"))),
            module("nn.ElementTable", index=2),
        ),
        X.square(),
    ),
    "pushed_and_pulled": PackageCase(_pushed(), (X, X + 1), (X.tanh() + X + 1,), ((None, 4, 5, 6),) * 2),
}
CASES = PLAIN | FURTHER | SMALL | {"recurrent_attention": _attention()} | MASKS | GLIMPSES | SEQUENCES
