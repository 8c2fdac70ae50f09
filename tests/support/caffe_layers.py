"""Layers of every type with every parameter, and what Caffe 1.0's rules make of them, in NumPy and PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F


def rng(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def torched(function: Any) -> Any:
    """Let a function of torch tensors take and give NumPy arrays."""

    def wrapped(*arrays: np.ndarray) -> np.ndarray:
        return function(*(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays)).numpy()

    return wrapped


@dataclass
class Layer:
    """A layer, the shapes of its bottoms, its weights, and what it makes of both."""

    name: str
    type: str
    text: str
    shapes: Any
    expected: Any
    weights: list = field(default_factory=list)
    positive: bool = False
    tops: int = 1
    below: int | None = None  # the bottoms hold whole numbers from 0 on, below this

    def __str__(self) -> str:
        return self.name


X = (2, 4, 5, 6)
W = rng(6, 4, 3, 3, seed=1)
B = rng(6, seed=2)
C4 = rng(4, seed=3)
DEPTHWISE = rng(8, 1, 3, 3, seed=4).astype(np.float64)


def pool(x, kernel, stride, pad=(0, 0), *, method, ceil=True):
    """Caffe's PoolingLayer, written out."""
    height, width = x.shape[2:]
    rounding = np.ceil if ceil else np.floor
    rows, columns = (
        int(rounding((size + 2 * p - k) / s)) + 1
        for size, k, s, p in zip((height, width), kernel, stride, pad, strict=True)
    )
    if any(pad):
        rows -= (rows - 1) * stride[0] >= height + pad[0]
        columns -= (columns - 1) * stride[1] >= width + pad[1]
    result = np.zeros((*x.shape[:2], rows, columns))
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride[0] - pad[0], j * stride[1] - pad[1]
            bottom, right = min(top + kernel[0], height + pad[0]), min(left + kernel[1], width + pad[1])
            part = x[:, :, max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
            if method == "max":
                result[:, :, i, j] = part.max((2, 3)) if part.size else -np.finfo(np.float32).max
            else:
                result[:, :, i, j] = part.sum((2, 3)) / ((bottom - top) * (right - left))
    return result


def largest(x, k):
    """The k largest of the last axis: values and positions, of equal ones the last first."""
    order = np.lexsort((np.arange(x.shape[-1]) + 0 * x, x), axis=-1)[..., ::-1][..., :k]
    return np.take_along_axis(x, order, -1), order


def moments(x, axes):
    centred = x - x.mean(axes, keepdims=True)
    return centred, np.square(centred).mean(axes, keepdims=True)


def expand(values, first, axes):
    return values.reshape((1,) * first + values.shape + (1,) * (axes - first - values.ndim))


CONVOLUTIONS = [
    Layer(name, kind, text, X, torched(function), weights)
    for name, kind, text, function, weights in [
        (
            "conv_dilated_and_strided",
            "Convolution",
            "convolution_param { num_output: 6 kernel_size: 3 dilation: 2 stride: 2 pad: 3 }",
            lambda x: F.conv2d(x, torch.tensor(W).double(), torch.tensor(B).double(), 2, 3, 2),
            [W, B],
        ),
        (
            "conv_pairs",
            "Convolution",
            "convolution_param { num_output: 6 kernel_size: 3 kernel_size: 2 stride: 1 stride: 2 pad: 0 pad: 2 "
            "dilation: 1 dilation: 3 bias_term: false }",
            lambda x: F.conv2d(x, torch.tensor(W[..., :2]).double(), None, (1, 2), (0, 2), (1, 3)),
            [W[..., :2]],
        ),
        (
            "conv_lone_pad_h",
            "Convolution",
            "convolution_param { num_output: 6 kernel_size: 3 pad_h: 1 axis: -3 }",
            lambda x: F.conv2d(x, torch.tensor(W).double(), torch.tensor(B).double(), 1, (1, 0)),
            [W, B],
        ),
        (
            "conv_depthwise",
            "Convolution",
            "convolution_param { num_output: 8 group: 4 kernel_h: 3 kernel_w: 1 stride_h: 2 stride_w: 1 pad_w: 1 }",
            lambda x: F.conv2d(x, torch.tensor(rng(8, 1, 3, 1)).double(), None, (2, 1), (0, 1), 1, 4),
            [rng(8, 1, 3, 1), np.zeros(8)],
        ),
        (
            "conv_pad_beyond_kernel",
            "Convolution",
            "convolution_param { num_output: 6 kernel_size: 3 pad: 5 }",
            lambda x: F.conv2d(x, torch.tensor(W).double(), torch.tensor(B).double(), 1, 5),
            [W, B],
        ),
        (
            "deconv_group_dilation",
            "Deconvolution",
            "convolution_param { num_output: 6 group: 2 kernel_h: 3 kernel_w: 2 stride: 2 pad: 1 dilation: 2 }",
            lambda x: F.conv_transpose2d(
                x, torch.tensor(rng(4, 3, 3, 2)).double(), torch.tensor(B).double(), 2, 1, 0, 2, 2
            ),
            [rng(4, 3, 3, 2), B],
        ),
        (
            "deconv_bilinear_like",
            "Deconvolution",
            "convolution_param { num_output: 4 group: 4 kernel_size: 4 stride: 2 pad: 1 bias_term: false }",
            lambda x: F.conv_transpose2d(x, torch.tensor(rng(4, 1, 4, 4)).double(), None, 2, 1, 0, 4),
            [rng(4, 1, 4, 4)],
        ),
        (
            "deconv_stride_beyond_kernel",
            "Deconvolution",
            "convolution_param { num_output: 3 kernel_size: 1 stride: 3 bias_term: false }",
            lambda x: F.conv_transpose2d(x, torch.tensor(rng(4, 3, 1, 1)).double(), None, 3),
            [rng(4, 3, 1, 1)],
        ),
    ]
]


def pooling(name: str, text: str, shape: tuple[int, ...], **rules: Any) -> Layer:
    return Layer(name, "Pooling", f"pooling_param {{ {text} }}", shape, lambda x: pool(x, **rules))


POOLINGS = [
    pooling("pool_floor", "kernel_size: 2 stride: 2 round_mode: FLOOR", (1, 2, 5, 7),
            kernel=(2, 2), stride=(2, 2), method="max", ceil=False),
    pooling("pool_ave_floor_pad", "pool: AVE kernel_size: 3 stride: 2 pad: 1 round_mode: FLOOR", (1, 2, 6, 7),
            kernel=(3, 3), stride=(2, 2), pad=(1, 1), method="average", ceil=False),
    pooling("pool_max_rect", "kernel_h: 3 kernel_w: 2 stride_h: 1 stride_w: 3 pad_h: 2 pad_w: 0", (1, 2, 6, 9),
            kernel=(3, 2), stride=(1, 3), pad=(2, 0), method="max"),
    pooling("pool_ave_pad_drops_window", "pool: AVE kernel_size: 3 stride: 3 pad: 2", (1, 2, 6, 8),
            kernel=(3, 3), stride=(3, 3), pad=(2, 2), method="average"),
    pooling("pool_1x1_stride2_leaves_the_picture", "kernel_size: 1 stride: 2", (1, 2, 6, 5),
            kernel=(1, 1), stride=(2, 2), method="max"),
    pooling("pool_kernel_larger_than_picture", "pool: AVE kernel_size: 5 stride: 2", (1, 2, 4, 5),
            kernel=(5, 5), stride=(2, 2), method="average"),
]  # fmt: skip


def pool_with_mask(x):
    values = pool(x, (3, 3), (2, 2), (1, 1), method="max")
    ranks = np.arange(x.shape[2] * x.shape[3]).reshape(x.shape[2:])
    mask = np.zeros_like(values)
    for i in range(values.shape[2]):
        for j in range(values.shape[3]):
            window = np.s_[:, :, max(2 * i - 1, 0) : 2 * i + 2, max(2 * j - 1, 0) : 2 * j + 2]
            part = x[window].reshape(*x.shape[:2], -1)
            mask[:, :, i, j] = ranks[window[2:]].ravel()[part.argmax(-1)]
    return [values, mask]


ELEMENTWISE = [
    Layer("absval", "AbsVal", "", X, np.abs),
    Layer("bnll", "BNLL", "", X, lambda x: np.logaddexp(0, x)),
    Layer("clip", "Clip", "clip_param { min: -0.5 max: 0.25 }", X, lambda x: np.clip(x, -0.5, 0.25)),
    Layer("dropout", "Dropout", "dropout_param { dropout_ratio: 0.9 }", X, lambda x: x),
    Layer(
        "dropout_scaled_now", "Dropout", "dropout_param { dropout_ratio: 0.75 scale_train: false }", X, lambda x: x / 4
    ),
    Layer("elu_negative", "ELU", "elu_param { alpha: -0.5 }", X, lambda x: np.where(x > 0, x, -0.5 * np.expm1(x))),
    Layer("exp_base", "Exp", "exp_param { base: 2 scale: 0.5 shift: 3 }", X, lambda x: 2 ** (3 + 0.5 * x)),
    Layer("exp_small_base", "Exp", "exp_param { base: 0.5 }", X, lambda x: 0.5**x),
    Layer("exp_shift", "Exp", "exp_param { shift: -1 }", X, lambda x: np.exp(x - 1)),
    Layer(
        "log_all",
        "Log",
        "log_param { base: 10 scale: 2 shift: 1 }",
        X,
        lambda x: np.log10(1 + 2 * x),
        positive=True,
    ),
    Layer("power", "Power", "power_param { power: 3 scale: -2 shift: 1 }", X, lambda x: (1 - 2 * x) ** 3),
    Layer("power_half", "Power", "power_param { power: 0.5 }", X, np.sqrt, positive=True),
    Layer("power_inverse", "Power", "power_param { power: -1 shift: 1 }", X, lambda x: 1 / (1 + x), positive=True),
    Layer("power_no_scale", "Power", "power_param { power: 2 scale: 0 shift: 3 }", X, lambda x: 9 + 0 * x),
    Layer("power_shift", "Power", "power_param { shift: 3 }", X, lambda x: x + 3),
    Layer("relu_steep", "ReLU", "relu_param { negative_slope: 1.5 }", X, lambda x: np.where(x > 0, x, 1.5 * x)),
    Layer("relu_negative", "ReLU", "relu_param { negative_slope: -0.2 }", X, lambda x: np.where(x > 0, x, -0.2 * x)),
    Layer("sigmoid", "Sigmoid", "sigmoid_param { engine: CAFFE }", X, lambda x: 1 / (1 + np.exp(-x))),
    Layer("swish_default", "Swish", "", X, lambda x: x / (1 + np.exp(-x))),
    Layer("swish_beta", "Swish", "swish_param { beta: -0.5 }", X, lambda x: x / (1 + np.exp(0.5 * x))),
    Layer("mish", "Mish", "", X, torched(F.mish)),
    Layer("hard_swish", "HardSwish", "", X, torched(F.hardswish)),
    Layer("hard_swish_short", "HSwish", "", X, torched(F.hardswish)),
    Layer("tanh", "TanH", "", (2, 7), np.tanh),
    Layer("threshold", "Threshold", "threshold_param { threshold: -0.3 }", X, lambda x: (x > -0.3) * 1.0),
    Layer("relu_2d", "ReLU", "", (3, 7), lambda x: np.maximum(x, 0)),
    Layer("relu_5d", "ReLU", "", (2, 3, 2, 3, 2), lambda x: np.maximum(x, 0)),
    Layer("prelu_channel", "PReLU", "", X, lambda x: np.where(x > 0, x, x * C4[:, None, None]), [C4]),
    Layer(
        "prelu_shared",
        "PReLU",
        "prelu_param { channel_shared: true }",
        X,
        lambda x: np.where(x > 0, x, x * 0.3),
        [np.float32(0.3)],
    ),
    Layer("prelu_2d", "PReLU", "", (3, 4), lambda x: np.where(x > 0, x, x * C4), [C4]),
    Layer("prelu_3d", "PReLU", "", (3, 4, 5), lambda x: np.where(x > 0, x, x * C4[:, None]), [C4]),
    Layer("eltwise_max", "Eltwise", "eltwise_param { operation: MAX }", [X, X], np.maximum),
    Layer("eltwise_prod3", "Eltwise", "eltwise_param { operation: PROD }", [X] * 3, lambda a, b, c: a * b * c),
    Layer(
        "eltwise_coefficients",
        "Eltwise",
        "eltwise_param { coeff: [2, 0, -1] }",
        [X] * 3,
        lambda a, b, c: 2 * a - c,
    ),
    Layer("eltwise_2d", "Eltwise", "", [(3, 4)] * 2, np.add),
    Layer("axpy", "Axpy", "", [(2, 4), X, X], lambda a, x, y: a[:, :, None, None] * x + y),
    Layer("axpy_4d", "Axpy", "", [(2, 4, 1, 1), X, X], lambda a, x, y: a * x + y),
]

SCALES = [
    Layer("scale_bias_column", "Scale", "scale_param { axis: 2 bias_term: true }", X,
          lambda x: x * expand(rng(5), 2, 4) + expand(rng(5, seed=1), 2, 4), [rng(5), rng(5, seed=1)]),
    Layer("scale_two_axes", "Scale", "scale_param { axis: 1 num_axes: 2 }", X,
          lambda x: x * expand(rng(4, 5), 1, 4), [rng(4, 5)]),
    Layer("scale_to_the_end", "Scale", "scale_param { axis: -2 num_axes: -1 }", X,
          lambda x: x * rng(5, 6), [rng(5, 6)]),
    Layer("scale_scalar", "Scale", "scale_param { num_axes: 0 bias_term: true }", X,
          lambda x: x * np.float32(0.7) - np.float32(0.2), [np.float32(0.7), np.float32(-0.2)]),
    Layer("scale_batch", "Scale", "scale_param { axis: 0 num_axes: 2 }", X,
          lambda x: x * expand(rng(2, 4), 0, 4), [rng(2, 4)]),
    Layer("scale_all", "Scale", "scale_param { axis: 0 num_axes: -1 }", X, lambda x: x * rng(*X), [rng(*X)]),
    Layer("scale_2d", "Scale", "", (3, 4), lambda x: x * C4, [C4]),
    Layer("scale_by_bottom", "Scale", "scale_param { axis: 0 }", [X, (2, 4)], lambda x, s: x * s[:, :, None, None]),
    Layer("scale_by_bottom_channels", "Scale", "scale_param { axis: 1 }", [X, (4,)],
          lambda x, s: x * s[:, None, None]),
    Layer("scale_by_bottom_same", "Scale", "scale_param { axis: 0 }", [X, X], np.multiply),
    Layer("scale_by_bottom_rows_bias", "Scale", "scale_param { axis: 2 bias_term: true }", [X, (5, 6)],
          lambda x, s: x * s + rng(5, 6), [rng(5, 6)]),
    Layer("bias_default", "Bias", "", X, lambda x: x + C4[:, None, None], [C4]),
    Layer("bias_last_axis", "Bias", "bias_param { axis: -1 }", X, lambda x: x + rng(6), [rng(6)]),
    Layer("bias_scalar", "Bias", "bias_param { num_axes: 0 }", X, lambda x: x + np.float32(0.5), [np.float32(0.5)]),
    Layer("bias_rows_of_cube", "Bias", "bias_param { axis: 2 }", (2, 6, 6, 6),
          lambda x: x + expand(rng(6), 2, 4), [rng(6)]),
    Layer("bias_columns_of_cube", "Bias", "bias_param { axis: 3 }", (2, 6, 6, 6), lambda x: x + rng(6), [rng(6)]),
    Layer("bias_by_bottom_rows_of_cube", "Bias", "bias_param { axis: 2 }", [(2, 6, 6, 6), (6,)],
          lambda x, b: x + b[:, None]),
    Layer("bias_by_bottom_columns_of_cube", "Bias", "bias_param { axis: 3 }", [(2, 6, 6, 6), (6,)], np.add),
    Layer("bias_by_bottom", "Bias", "bias_param { axis: 0 }", [X, (2, 4)], lambda x, b: x + b[:, :, None, None]),
]  # fmt: skip

NORMALIZATIONS = [
    Layer("batchnorm_zero_factor", "BatchNorm", "", X, lambda x: x / np.sqrt(1e-5), [C4, C4, np.zeros(1)]),
    Layer("batchnorm_2d", "BatchNorm", "batch_norm_param { eps: 0.01 }", (3, 4),
          lambda x: (x - C4 / 2) / np.sqrt(C4**2 / 2 + 0.01), [C4, C4**2, np.full(1, 2.0)]),
    Layer("batchnorm_3d", "BatchNorm", "", (3, 4, 5),
          lambda x: (x - C4[:, None]) / np.sqrt(C4[:, None] ** 2 + 1e-5), [C4, C4**2, np.ones(1)]),
    Layer("batchnorm_of_batch_2d", "BatchNorm", "batch_norm_param { use_global_stats: false eps: 0.1 }", (5, 4),
          lambda x: moments(x, (0,))[0] / np.sqrt(moments(x, (0,))[1] + 0.1), [C4, C4, np.ones(1)]),
    Layer("mvn_across", "MVN", "mvn_param { across_channels: true eps: 0.1 }", X,
          lambda x: moments(x, (1, 2, 3))[0] / (np.sqrt(moments(x, (1, 2, 3))[1]) + 0.1)),
    Layer("mvn_across_mean", "MVN", "mvn_param { across_channels: true normalize_variance: false }", X,
          lambda x: moments(x, (1, 2, 3))[0]),
    Layer("mvn_2d", "MVN", "mvn_param { across_channels: true }", (3, 7),
          lambda x: (moments(x, (1,))[0] / (np.sqrt(moments(x, (1,))[1]) + 1e-9))[:, :, None, None]),
    Layer("mvn_3d", "MVN", "", (3, 4, 7),
          lambda x: (moments(x, (2,))[0] / (np.sqrt(moments(x, (2,))[1]) + 1e-9))[..., None]),
    Layer("softmax_default", "Softmax", "", X, lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)),
    Layer("softmax_rows", "Softmax", "softmax_param { axis: -2 }", X,
          lambda x: np.exp(x) / np.exp(x).sum(2, keepdims=True)),
    Layer("softmax_batch", "Softmax", "softmax_param { axis: 0 }", (3, 4),
          lambda x: np.exp(x) / np.exp(x).sum(0, keepdims=True)),
    Layer("lrn_k", "LRN", "lrn_param { local_size: 3 alpha: 2 beta: 0.5 k: 1.5 }", X,
          lambda x: x / (1.5 + 2 / 3 * sum(np.pad(x**2, ((0, 0), (1, 1), (0, 0), (0, 0)))[:, i : i + 4]
                                           for i in range(3))) ** 0.5),
    Layer("lrn_default", "LRN", "", X,
          lambda x: x / (1 + 1 / 5 * sum(np.pad(x**2, ((0, 0), (2, 2), (0, 0), (0, 0)))[:, i : i + 4]
                                         for i in range(5))) ** 0.75),
    Layer("lrn_within", "LRN", "lrn_param { local_size: 5 alpha: 2 beta: 0.6 k: 7 norm_region: WITHIN_CHANNEL }", X,
          lambda x: x / (1 + 2 * pool(x**2, (5, 5), (1, 1), (2, 2), method="average")) ** 0.6),
]  # fmt: skip

PRODUCTS = [
    Layer("ip_transpose", "InnerProduct", "inner_product_param { num_output: 3 transpose: true }", X,
          lambda x: x.reshape(2, -1) @ rng(120, 3) + rng(3), [rng(120, 3), rng(3)]),
    Layer("ip_axis2", "InnerProduct", "inner_product_param { num_output: 3 axis: 2 bias_term: false }", X,
          lambda x: x.reshape(2, 4, 30) @ rng(3, 30).T, [rng(3, 30)]),
    Layer("ip_axis3", "InnerProduct", "inner_product_param { num_output: 3 axis: -1 }", X,
          lambda x: x @ rng(3, 6).T + rng(3), [rng(3, 6), rng(3)]),
    Layer("ip_axis0", "InnerProduct", "inner_product_param { num_output: 3 axis: 0 }", X,
          lambda x: x.ravel() @ rng(3, 240).T + rng(3), [rng(3, 240), rng(3)]),
    Layer("ip_3d", "InnerProduct", "inner_product_param { num_output: 3 }", (2, 4, 5),
          lambda x: x.reshape(2, 20) @ rng(3, 20).T + rng(3), [rng(3, 20), rng(3)]),
]  # fmt: skip

ARRANGEMENTS = [
    Layer("concat_batch", "Concat", "concat_param { axis: 0 }", [X, X], lambda a, b: np.concatenate([a, b], 0)),
    Layer("concat_rows", "Concat", "concat_param { axis: 2 }", [X, (2, 4, 3, 6)],
          lambda a, b: np.concatenate([a, b], 2)),
    Layer("concat_2d", "Concat", "", [(3, 4), (3, 2), (3, 1)], lambda *a: np.concatenate(a, 1)),
    Layer("concat_dim", "Concat", "concat_param { concat_dim: 3 }", [X, X], lambda a, b: np.concatenate([a, b], 3)),
    Layer("concat_one", "Concat", "", [X], lambda x: x),
    Layer("slice_dim", "Slice", "slice_param { slice_dim: 2 slice_point: 2 }", X,
          lambda x: np.split(x, [2], 2), tops=2),
    Layer("slice_batch", "Slice", "slice_param { axis: 0 }", X, lambda x: np.split(x, 2), tops=2),
    Layer("slice_negative", "Slice", "slice_param { axis: -1 slice_point: [1, 5] }", X,
          lambda x: np.split(x, [1, 5], 3), tops=3),
    Layer("slice_2d", "Slice", "", (3, 6), lambda x: np.split(x, 3, 1), tops=3),
    Layer("slice_whole", "Slice", "", X, lambda x: x),
    Layer("crop_plain", "Crop", "", [X, (2, 9, 3, 2)], lambda x, r: x[:, :, :3, :2]),
    Layer("crop_channels", "Crop", "crop_param { axis: 1 offset: [1, 2, 0] }", [X, (2, 2, 3, 6)],
          lambda x, r: x[:, 1:3, 2:5]),
    Layer("crop_width", "Crop", "crop_param { axis: -1 offset: 2 }", [X, (1, 1, 9, 3)], lambda x, r: x[..., 2:5]),
    Layer("crop_all", "Crop", "crop_param { axis: 0 offset: [1, 0, 1, 1] }", [X, (1, 4, 2, 2)],
          lambda x, r: x[1:, :, 1:3, 1:3]),
    Layer("crop_2d", "Crop", "crop_param { axis: 1 offset: 1 }", [(3, 5), (3, 2)], lambda x, r: x[:, 1:3]),
    Layer("crop_center", "CropCenter", "crop_center_param { crop_size: [0, 1, 2, 0] }", X, lambda x: x[:, 1:3, 2:3]),
    Layer("split", "Split", "", X, lambda x: [x, x], tops=2),
    Layer("tile_default", "Tile", "tile_param { tiles: 3 }", X, lambda x: np.tile(x, (1, 3, 1, 1))),
    Layer("tile_batch", "Tile", "tile_param { axis: 0 tiles: 2 }", (3, 4), lambda x: np.tile(x, (2, 1))),
    Layer("tile_width", "Tile", "tile_param { axis: -1 tiles: 2 }", X, lambda x: np.tile(x, (1, 1, 1, 2))),
    Layer("flatten_default", "Flatten", "", X, lambda x: x.reshape(2, -1)),
    Layer("flatten_tail", "Flatten", "flatten_param { axis: 2 }", X, lambda x: x.reshape(2, 4, 30)),
    Layer("flatten_middle", "Flatten", "flatten_param { axis: 1 end_axis: 2 }", X, lambda x: x.reshape(2, 20, 6)),
    Layer("flatten_head", "Flatten", "flatten_param { axis: 0 end_axis: -3 }", X, lambda x: x.reshape(8, 5, 6)),
    Layer("flatten_all", "Flatten", "flatten_param { axis: 0 }", X, lambda x: x.ravel()),
    Layer("flatten_nothing", "Flatten", "flatten_param { axis: 3 end_axis: 3 }", X, lambda x: x),
    Layer("reshape_axis", "Reshape", "reshape_param { shape { dim: 3 dim: -1 } axis: 1 num_axes: 2 }",
          (2, 6, 5, 4), lambda x: x.reshape(2, 3, 10, 4)),
    Layer("reshape_negative_axis", "Reshape", "reshape_param { shape { dim: 2 dim: 3 } axis: -2 }", X,
          lambda x: x.reshape(2, 4, 5, 2, 3)),
    Layer("reshape_insert", "Reshape", "reshape_param { shape { dim: 1 } axis: 1 num_axes: 0 }", (3, 4, 5),
          lambda x: x.reshape(3, 1, 4, 5)),
    Layer("reshape_append", "Reshape", "reshape_param { shape { dim: 1 dim: 1 } axis: -1 num_axes: 0 }", (3, 4),
          lambda x: x.reshape(3, 4, 1, 1)),
    Layer("reshape_batch", "Reshape", "reshape_param { shape { dim: -1 dim: 3 } }", (2, 6, 2, 2),
          lambda x: x.reshape(16, 3)),
    Layer("reshape_fixed", "Reshape", "reshape_param { shape { dim: 4 dim: 2 dim: 5 dim: 6 } }", X,
          lambda x: x.reshape(4, 2, 5, 6)),
    Layer("reshape_copies", "Reshape", "reshape_param { shape { dim: 0 dim: 2 dim: -1 dim: 0 } }", X,
          lambda x: x.reshape(2, 2, 10, 6)),
    Layer("reduction_all", "Reduction", "", X, lambda x: x.sum()),
    Layer("reduction_asum", "Reduction", "reduction_param { operation: ASUM axis: 1 coeff: 0.5 }", X,
          lambda x: 0.5 * np.abs(x).sum((1, 2, 3))),
    Layer("reduction_sumsq", "Reduction", "reduction_param { operation: SUMSQ axis: -1 }", X,
          lambda x: (x**2).sum(3)),
    Layer("reduction_mean", "Reduction", "reduction_param { operation: MEAN axis: 2 }", X,
          lambda x: x.mean((2, 3))),
    Layer("reduction_2d", "Reduction", "reduction_param { operation: SUM axis: 1 coeff: -1 }", (3, 5),
          lambda x: -x.sum(1)),
    Layer("reduction_to_4d", "Reduction", "reduction_param { operation: SUM axis: 4 }", (2, 3, 4, 5, 6),
          lambda x: x.sum(4)),
    Layer("argmax_default", "ArgMax", "", X, lambda x: largest(x.reshape(2, -1), 1)[1].reshape(2, 1, 1, 1)),
    Layer("argmax_pairs", "ArgMax", "argmax_param { out_max_val: true top_k: 3 }", X,
          lambda x: np.stack(largest(x.reshape(2, -1), 3)[::-1], 1).reshape(2, 2, 3, 1)),
    Layer("argmax_2d", "ArgMax", "argmax_param { top_k: 2 }", (3, 7), lambda x: largest(x, 2)[1][:, None]),
    Layer("argmax_axis", "ArgMax", "argmax_param { axis: 1 top_k: 2 }", X,
          lambda x: np.moveaxis(largest(np.moveaxis(x, 1, -1), 2)[1], -1, 1)),
    Layer("argmax_axis_values", "ArgMax", "argmax_param { axis: -1 out_max_val: true top_k: 2 }", X,
          lambda x: largest(x, 2)[0]),
    Layer("argmax_batch", "ArgMax", "argmax_param { axis: 0 }", (5, 4), lambda x: x.argmax(0)[None]),
]  # fmt: skip


def interpolated(size, crop=slice(None)):
    return torched(lambda x: F.interpolate(x[:, :, crop, crop], size=size, mode="bilinear", align_corners=True))


def normalized(axes):
    return lambda x: x / np.sqrt((x**2).sum(axes, keepdims=True) + 1e-10)


def reorganized(x, stride=2):
    """Follow darknet's reorg_cpu, index by index."""
    batch, channels, height, width = x.shape
    given, made, fewer = x.ravel(), np.zeros(x.size, np.float32), channels // stride**2
    for place, (b, k, j, i) in enumerate(np.ndindex(x.shape)):
        offset, channel = divmod(k, fewer)
        row, column = j * stride + offset // stride, i * stride + offset % stride
        made[place] = given[column + width * stride * (row + height * stride * (channel + fewer * b))]
    return made.reshape(batch, channels * stride**2, height // stride, width // stride)


# Layers of other Caffes than that of Berkeley.
FORKS = [
    Layer("permute", "Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }", X,
          lambda x: x.transpose(0, 2, 3, 1)),
    Layer("permute_rest", "Permute", "permute_param { order: 2 order: 0 }", X, lambda x: x.transpose(2, 0, 1, 3)),
    Layer("permute_2d", "Permute", "permute_param { order: 1 order: 0 }", (3, 5), lambda x: x.T),
    Layer("permute_same", "Permute", "", X, lambda x: x),
    Layer("normalize", "Normalize", "norm_param { across_spatial: false channel_shared: false }", X,
          lambda x: normalized(1)(x) * C4[:, None, None], [C4]),
    Layer("normalize_all", "Normalize", "", X, lambda x: normalized((1, 2, 3))(x) * 3.5, [np.float32(3.5)]),
    Layer("upsample", "Upsample", "upsample_param { scale: 2 }", X, lambda x: x.repeat(2, 2).repeat(2, 3)),
    Layer("upsample_sides", "Upsample", "upsample_param { scale_h: 3 scale_w: 2 }", X,
          lambda x: x.repeat(3, 2).repeat(2, 3)),
    Layer("interp_size", "Interp", "interp_param { height: 9 width: 4 }", X, interpolated((9, 4))),
    Layer("interp_zoom", "Interp", "interp_param { zoom_factor: 3 }", X, interpolated((13, 16))),
    Layer("interp_shrink", "Interp", "interp_param { shrink_factor: 2 pad_beg: -1 }", X,
          interpolated((2, 3), slice(1, None))),
    Layer("interp_both", "Interp", "interp_param { shrink_factor: 2 zoom_factor: 2 pad_end: -1 }", X,
          interpolated((3, 5), slice(None, -1))),
    Layer("depthwise", "DepthwiseConvolution", "convolution_param { num_output: 8 kernel_size: 3 group: 4 pad: 1 }", X,
          torched(lambda x: F.conv2d(x, torch.tensor(DEPTHWISE), padding=1, groups=4)), [DEPTHWISE, np.zeros(8)]),
    Layer("depthwise_by_type", "ConvolutionDepthwise",
          "convolution_param { num_output: 8 kernel_size: 3 stride: 2 bias_term: false }", X,
          torched(lambda x: F.conv2d(x, torch.tensor(DEPTHWISE), stride=2, groups=4)), [DEPTHWISE]),
    Layer("shuffle", "ShuffleChannel", "shuffle_channel_param { group: 2 }", (2, 6, 3, 3),
          lambda x: x[:, [0, 3, 1, 4, 2, 5]]),
    Layer(
        "pixel_shuffle",
        "PixelShuffle",
        "pixel_shuffle_param { upscale_factor: 2 }",
        (2, 12, 3, 4),
        torched(lambda x: F.pixel_shuffle(x, 2)),
    ),
    Layer("reorg", "Reorg", "reorg_param { stride: 2 }", (2, 8, 4, 6), reorganized),
    Layer("transpose", "Transpose", "transpose_param { dim: 3 dim: 2 dim: 0 dim: 1 }", X,
          lambda x: x.transpose(3, 2, 0, 1)),
    Layer("transpose_of_three", "Transpose", "transpose_param { dim: 1 dim: 2 dim: 0 }", (2, 3, 4),
          lambda x: x.transpose(1, 2, 0)),
    Layer("reverse", "Reverse", "reverse_param { axis: 1 }", X, lambda x: x[:, ::-1]),
    Layer("reverse_first", "Reverse", "", (4, 2, 3), lambda x: x[::-1]),
    Layer("im2col", "Im2col", "convolution_param { kernel_size: 3 pad: 1 }", X,
          torched(lambda x: F.unfold(x, 3, padding=1).reshape(2, 36, 5, 6))),
    Layer("im2col_strides", "Im2col", "convolution_param { kernel_h: 2 kernel_w: 3 stride: 2 dilation: 2 pad: 1 }", X,
          torched(lambda x: F.unfold(x, (2, 3), 2, 1, 2).reshape(2, 24, 3, 2))),
    Layer("relu6", "ReLU6", "", X, lambda x: np.clip(x, 0, 6)),
]  # fmt: skip


def unpooled(x, size):
    """SegNet's Upsample of a pooling of 2 x 2 with a stride of 2."""
    values, places = F.max_pool2d(torch.from_numpy(x), 2, 2, return_indices=True)
    return F.max_unpool2d(values, places, 2, 2, output_size=size).numpy()


MEAN4, VARIANCE4 = rng(4, seed=5), np.abs(rng(4, seed=6)) + 0.5


def by_channel(x, factors, offsets):
    return x * factors[:, None, None] + offsets[:, None, None]


def normalized_by(x, divisor=1.0):
    scale = 1 / np.sqrt(VARIANCE4.astype(np.float64) / divisor + 1e-5)
    return by_channel(x, scale, -MEAN4 / divisor * scale)


FORKS += [
    Layer("holes", "Convolution", "convolution_param { num_output: 6 kernel_size: 3 hole: 2 pad: 2 }", X,
          torched(lambda x: F.conv2d(x, torch.tensor(W).double(), torch.tensor(B).double(), 1, 2, 2)), [W, B]),
    Layer("pool_ceil_mode", "Pooling", "pooling_param { kernel_size: 2 stride: 2 ceil_mode: false }", (2, 3, 5, 7),
          torched(lambda x: F.max_pool2d(x, 2, 2))),
    Layer("bn_inference", "BN", "bn_param { scale_filler { type: 'constant' } bn_mode: INFERENCE }", X,
          lambda x: by_channel(x, C4, MEAN4), [C4.reshape(1, 4, 1, 1), MEAN4.reshape(1, 4, 1, 1)]),
    Layer("bn_statistics", "BN", "bn_param { slope_filler { value: 1 } frozen: true momentum: 0.95 }", X,
          lambda x: by_channel(normalized_by(x), C4, MEAN4),
          [v.reshape(1, 4, 1, 1) for v in (C4, MEAN4, MEAN4, VARIANCE4)]),
    Layer("batch_norm_scale_bias", "BatchNorm", "batch_norm_param { scale_bias: true }", X,
          lambda x: by_channel(normalized_by(x, 2.0), C4, MEAN4), [MEAN4, VARIANCE4, np.float32([2]), C4, MEAN4]),
]  # fmt: skip


def embedding(name: str, text: str, shape: tuple[int, ...], weights: list) -> Layer:
    rows, offsets = weights[0], weights[1] if len(weights) > 1 else 0
    text = f"embed_param {{ num_output: {rows.shape[1]} input_dim: {rows.shape[0]} {text} }}"
    return Layer(name, "Embed", text, shape, lambda x: rows[x.astype(int)] + offsets, weights, below=rows.shape[0])


def pyramid(name: str, height: int, shape: tuple[int, ...], method: str) -> Layer:
    """Caffe's SPPLayer: poolings with 1, 2 x 2, 4 x 4, ... windows, padded where they do not divide the picture."""

    def expected(x):
        parts = []
        for bins in (2**level for level in range(height)):
            kernel = [-(-size // bins) for size in x.shape[2:]]
            pad = [(side * bins - size + 1) // 2 for side, size in zip(kernel, x.shape[2:], strict=True)]
            parts.append(pool(x, kernel, kernel, pad, method=method))
        return parts[0] if height == 1 else np.concatenate([part.reshape(len(x), -1) for part in parts], 1)

    name_of = {"max": "MAX", "average": "AVE"}[method]
    return Layer(name, "SPP", f"spp_param {{ pyramid_height: {height} pool: {name_of} }}", shape, expected)


EMBEDDINGS = [
    embedding("embed", "", (3, 4), [rng(7, 5), rng(5, seed=1)]),
    embedding("embed_no_bias", "bias_term: false", (3,), [rng(7, 5)]),
    embedding("embed_cube", "", (2, 3, 4), [rng(7, 5), rng(5, seed=1)]),
]
PYRAMIDS = [
    pyramid("pyramid", 3, (2, 3, 8, 12), "max"),
    pyramid("pyramid_padded", 3, (2, 3, 9, 10), "max"),
    pyramid("pyramid_average", 2, (2, 3, 7, 5), "average"),
    pyramid("pyramid_of_one", 1, (2, 3, 4, 5), "average"),
]


def lstm_from_zeros(x):
    """The layer of a fork without `cont`, by PyTorch's LSTM: weights in another order, gates in LSTM's."""
    module = torch.nn.LSTM(3, 5).double()
    order = torch.arange(20).reshape(4, 5)[[0, 1, 3, 2]].ravel()
    values = [torch.tensor(weight).double()[order] for weight in LSTM_WEIGHTS]
    for own, value in zip(module.parameters(), [*values, torch.zeros(20)], strict=True):
        own.data.copy_(value)
    return module(torch.tensor(x).double())[0].detach().numpy()


LSTM_WEIGHTS = [rng(20, 3, seed=30), rng(20, 5, seed=31), rng(20, seed=32)]


def recurrent(name, kind, shapes, units, *, hidden=False):
    """Caffe's LSTMLayer and RNNLayer, by PyTorch's cells: steps, `cont`, static features, and the first states."""
    count = {"LSTM": 2, "RNN": 1}[kind]
    gates, static = {"LSTM": 4, "RNN": 1}[kind] * units, shapes[2 : len(shapes) - count * hidden]
    sizes = [(gates, np.prod(shapes[0][2:])), (gates,), *((gates, np.prod(shape[1:])) for shape in static)]
    sizes += [(gates, units), *([(units, units), (units,)] if kind == "RNN" else [])]
    weights = [rng(*size, seed=20 + i) / 2 for i, size in enumerate(sizes)]

    def expected(x, continued, *others):
        kernel, bias, *rest = (torch.tensor(weight).double() for weight in weights)
        inputs = [torch.tensor(x).flatten(2)]
        if static:
            inputs.append(torch.tensor(others[0]).flatten(1)[None].expand(len(x), -1, -1))
            kernel = torch.cat([kernel, rest.pop(0)], 1)
        order = torch.arange(gates).reshape(-1, units)[[0, 1, 3, 2] if kind == "LSTM" else [0]].ravel()
        cell = (torch.nn.LSTMCell if kind == "LSTM" else torch.nn.RNNCell)(kernel.shape[1], units).double()
        zeros = torch.zeros(gates).double()
        for own, value in zip(cell.parameters(), (kernel[order], rest[0][order], bias[order], zeros), strict=True):
            own.data.copy_(value)
        states = [torch.zeros(x.shape[1], units).double()] * count
        states = [torch.tensor(other[0]) for other in others[-count:]] if hidden else states
        outputs = []
        for step, factor in zip(torch.cat(inputs, -1), torch.tensor(continued)[..., None], strict=True):
            states = [state * factor for state in states]
            states = list(cell(step, states)) if kind == "LSTM" else [cell(step, *states)]
            outputs.append(states[0] if kind == "LSTM" else (states[0] @ rest[1].T + rest[2]).tanh())
        values = [torch.stack(outputs), *(state[None] for state in states)] if hidden else [torch.stack(outputs)]
        values = [value.detach().numpy() for value in values]
        return values if hidden else values[0]

    text = f"recurrent_param {{ num_output: {units} expose_hidden: {str(hidden).lower()} }}"
    return Layer(name, kind, text, shapes, expected, weights, tops=1 + hidden * count)


RECURRENT = [
    recurrent("lstm", "LSTM", [(4, 2, 3), (4, 2)], 5),
    recurrent("lstm_of_pictures_and_static", "LSTM", [(3, 2, 3, 2), (3, 2), (2, 4)], 5),
    recurrent("lstm_with_states", "LSTM", [(3, 2, 3), (3, 2), (1, 2, 5), (1, 2, 5)], 5, hidden=True),
    Layer(
        "lstm_from_zeros",
        "Lstm",
        "lstm_param { num_output: 5 clipping_threshold: 1 }",
        (4, 2, 3),
        lstm_from_zeros,
        LSTM_WEIGHTS,
    ),
    recurrent("rnn", "RNN", [(4, 2, 3), (4, 2)], 5),
    recurrent("rnn_with_static", "RNN", [(4, 2, 3), (4, 2), (2, 4)], 5),
    recurrent("rnn_with_states", "RNN", [(4, 2, 3), (4, 2), (1, 2, 5)], 5, hidden=True),
]
GLOBAL = Layer(
    "pool_global_max",
    "Pooling",
    "pooling_param { global_pooling: true }",
    (2, 3, 4, 5),
    lambda x: x.max((2, 3), keepdims=True),
)
MASK = Layer(
    "pool_mask", "Pooling", "pooling_param { kernel_size: 3 stride: 2 pad: 1 }", (2, 4, 6, 7), pool_with_mask, tops=2
)
LAYERS = [
    *CONVOLUTIONS, *POOLINGS, GLOBAL, MASK, *ELEMENTWISE, *SCALES, *NORMALIZATIONS, *PRODUCTS, *ARRANGEMENTS, *FORKS,
    *EMBEDDINGS, *PYRAMIDS, *RECURRENT,
]  # fmt: skip
