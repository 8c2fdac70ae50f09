"""What the layers should compute, by PyTorch, SciPy or NumPy, in float64 and channels last."""

import itertools
import operator

import keras
import numpy as np
import scipy.ndimage
import torch
import torch.nn.functional as F


def channels_first(x):
    return torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)))


def channels_last(x):
    return np.moveaxis(x.numpy(), 1, -1)


def bilinear_sampling(pictures, places, weights):
    grid = torch.tensor(places[..., ::-1].copy())
    return channels_last(F.grid_sample(channels_first(pictures), grid, align_corners=True))


def dynamic_convolution(x, kernel, _, *, strides=1, dilation_rate=1):
    kernel, groups = torch.tensor(kernel.transpose(3, 2, 0, 1)), x.shape[-1] // kernel.shape[2]
    return channels_last(F.conv2d(channels_first(x), kernel, None, strides, 0, dilation_rate, groups))


def dynamic_convolution_transpose(x, kernel, _, *, filters, kernel_size, groups=1, strides=1, padding=0):
    kernel = torch.tensor(kernel.transpose(3, 2, 0, 1))
    return channels_last(F.conv_transpose2d(channels_first(x), kernel, None, strides, padding, 0, groups))


def grid_sampling(pictures, grid, _, *, interpolation="bilinear", padding_mode="zeros", align_corners=False):
    options = {"mode": interpolation, "padding_mode": padding_mode, "align_corners": align_corners}
    return channels_last(F.grid_sample(channels_first(pictures), torch.tensor(grid), **options))


def correlation(first, second, _, *, row_shifts, column_shifts, kernel_size, strides, padding, border, difference):
    (rows, columns), (top, left) = padding, border
    first = np.pad(first, ((0, 0), (rows, rows), (columns, columns), (0, 0)))
    second = np.pad(second, ((0, 0), (rows + 9, rows + 9), (columns + 9, columns + 9), (0, 0)))
    height, width = first.shape[1] - 2 * top, first.shape[2] - 2 * left
    means = []
    for row, column in itertools.product(row_shifts, column_shifts):
        a = first[:, top : top + height, left : left + width]
        y, x = top + row + 9, left + column + 9
        b = second[:, y : y + height, x : x + width]
        means.append((np.abs(a - b) if difference else a * b).mean(axis=-1))
    pooled = F.avg_pool2d(torch.tensor(np.stack(means, axis=1)), kernel_size, strides)
    return channels_last(pooled)


def flow_warping(pictures, flows, weights):
    height, width = pictures.shape[1:3]
    columns, rows = np.arange(width) + flows[..., 0], np.arange(height)[:, None] + flows[..., 1]
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    columns, rows = np.clip(columns, 0, width - 1), np.clip(rows, 0, height - 1)
    places = np.stack([2 * rows / max(height - 1, 1) - 1, 2 * columns / max(width - 1, 1) - 1], axis=-1)
    return bilinear_sampling(pictures, places, weights) * inside[..., None]


def instance_normalization(x, weights, *, epsilon=1e-5, center=True, scale=True):
    weights = [torch.tensor(w) for w in weights]
    gamma = weights.pop(0) if scale else None
    beta = weights.pop(0) if center else None
    return channels_last(F.instance_norm(channels_first(x), weight=gamma, bias=beta, eps=epsilon))


def picture_normalization(x, weights, *, epsilon=1e-5, center=True, scale=True):
    mean, variance = x.mean((1, 2, 3), keepdims=True), x.var((1, 2, 3), keepdims=True)
    outputs = (x - mean) / np.sqrt(variance + epsilon)
    outputs = outputs * weights.pop(0) if scale else outputs
    return outputs + weights.pop(0) if center else outputs


def conditional_instance_normalization(x, styles, weights, *, epsilon, center=True):
    mixed = [styles @ weight for weight in weights]
    pictures = [
        instance_normalization(x[i : i + 1], [values[i] for values in mixed], epsilon=epsilon, center=center)
        for i in range(len(x))
    ]
    return np.concatenate(pictures)


def identity(x, _, **arguments):
    return x


def padding(mode):
    def reference(x, _, *, padding):
        return np.pad(x, ((0, 0), *padding, (0, 0)), mode=mode)

    return reference


def max_pooling(x, _, *, pool_size, strides=None, padding=0, ceil_mode=False, return_indices=False):
    """Torch's pooling; its indices count in the picture, the layer's in the window."""
    pooled, flat = F.max_pool2d(
        channels_first(x), pool_size, strides, padding, ceil_mode=ceil_mode, return_indices=True
    )
    if not return_indices:
        return channels_last(pooled)
    (kernel_width, step_down, step_right), width = (pool_size[1], *(strides or pool_size)), x.shape[2]
    rows, columns = np.divmod(channels_last(flat), width)
    top = np.arange(rows.shape[1])[:, None, None] * step_down - padding
    left = np.arange(rows.shape[2])[:, None] * step_right - padding
    return channels_last(pooled), ((rows - top) * kernel_width + columns - left).astype("int32")


def padded_max_pooling(x, _, *, pool_size, strides, padding):
    padded = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=-np.inf)
    return max_pooling(padded, _, pool_size=pool_size, strides=strides)


def average_pooling(x, _, *, divide=True, **arguments):
    renamed = {"pool_size": "kernel_size", "strides": "stride"}
    arguments = {renamed.get(name, name): value for name, value in arguments.items()}
    pooled = channels_last(F.avg_pool2d(channels_first(x), **arguments))
    return pooled if divide else pooled * np.prod(arguments["kernel_size"])


def padded_average_pooling(x, _, *, pool_size, strides, padding):
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    return average_pooling(padded, _, pool_size=pool_size, strides=strides)


def max_unpooling(x, indices, picture, _, *, pool_size, strides=None, padding=0):
    """One value after the other, as Torch7 writes them."""
    outputs = np.zeros(picture.shape[:3] + x.shape[3:])
    strides = strides or pool_size
    for batch, row, column, channel in itertools.product(*map(range, x.shape)):
        down, right = divmod(indices[batch, row, column, channel], pool_size[1])
        y, z = row * strides[0] - padding + down, column * strides[1] - padding + right
        if 0 <= y < outputs.shape[1] and 0 <= z < outputs.shape[2]:
            outputs[batch, y, z, channel] = x[batch, row, column, channel]
    return outputs


def bilinear(x, _, *, size=2, output_size=None):
    target = {"size": output_size} if output_size else {"scale_factor": size}
    return channels_last(F.interpolate(channels_first(x), mode="bilinear", align_corners=True, **target))


def bilinear_to_match(x, picture, _):
    size = picture.shape[1:3]
    return channels_last(F.interpolate(channels_first(x), size, mode="bilinear", align_corners=True))


def resize_to_match(x, picture, _, interpolation="bilinear", scale_factor=None):
    size = picture.shape[1:3] if scale_factor is None else None  # which the factors give
    return channels_last(F.interpolate(channels_first(x), size, scale_factor, interpolation))


def convolution(x, weights, *, filters, kernel_size, use_bias=True, activation=None):
    kernel = torch.tensor(np.ascontiguousarray(weights[0].transpose(3, 2, 0, 1)))
    outputs = F.conv2d(channels_first(x), kernel, torch.tensor(weights[1]) if use_bias else None)
    return channels_last(F.relu(outputs) if activation == "relu" else outputs)


def grown_convolution(x, weights, *, filters, edges=None, **options):
    modes = {"replication": "edge", "reflection": "reflect", "circular": "wrap", "zeros": "constant"}
    x = x if edges is None else np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=modes[edges])
    return convolution(x, weights, filters=filters, kernel_size=3, **options)


def upsampled_convolution(x, weights, *, filters, **options):
    enlarged = channels_last(F.interpolate(channels_first(x), scale_factor=2, mode="nearest"))
    return convolution(enlarged[:, 1:-1, 1:-1], weights, filters=filters, kernel_size=3, **options)


def transposed_convolution(x, weights, *, filters, kernel_size, use_bias=True, activation=None, **arguments):
    kernel = torch.tensor(np.ascontiguousarray(weights[0].transpose(3, 2, 0, 1)))
    bias = torch.tensor(weights[1]) if use_bias else None
    renamed = {"strides": "stride", "dilation_rate": "dilation"}
    arguments = {renamed.get(name, name): value for name, value in arguments.items()}
    outputs = F.conv_transpose2d(channels_first(x), kernel, bias, **arguments)
    return channels_last(F.relu(outputs) if activation == "relu" else outputs)


def response_across_channels(x, _, *, size, alpha, beta, k=1.0):
    return channels_last(F.local_response_norm(channels_first(x), size, alpha, beta, k))


def response_within_channel(x, _, *, size, alpha, beta, across_channels):
    mean = scipy.ndimage.uniform_filter(x**2, size=(1, size, size, 1), mode="constant")
    return x * (1 + alpha * mean) ** -beta


def affine(x, weights, *, shape, scale=True, shift=True):
    weights = list(weights)
    x = x * weights.pop(0) if scale else x
    return x + weights.pop(0) if shift else x


def leaky_relu(x, _, *, negative_slope):
    return F.leaky_relu(torch.tensor(x), negative_slope).numpy()


def crop(x, picture, _):
    return x[:, : picture.shape[1], : picture.shape[2]]


def pad_to_multiple(x, _, *, multiple):
    missing = [(0, -size % step) for size, step in zip(x.shape[1:3], multiple, strict=True)]
    return np.pad(x, ((0, 0), *missing, (0, 0)), mode="edge")


def size_of(formula, shapes):
    """The number that a formula of sizes makes, by Python's arithmetic."""
    if isinstance(formula, int):
        return formula
    name, first, second = formula
    if name == "size":
        return shapes[first][second]
    functions = {"floordiv": operator.floordiv, "min": min, "max": max}
    return (functions.get(name) or getattr(operator, name))(size_of(first, shapes), size_of(second, shapes))


def pad_by_sizes(*inputs, axis, before, after, mode="constant", value=None):
    *inputs, _ = inputs
    x = torch.tensor(inputs[0]).movedim(axis, -1)
    widths = [size_of(formula, [one.shape for one in inputs]) for formula in (before, after)]
    return F.pad(x, [*widths, 0, 0], mode, value).movedim(-1, axis).numpy()


def crop_by_sizes(*inputs, axis, start, end):
    *inputs, _ = inputs
    start, end = (size_of(formula, [one.shape for one in inputs]) for formula in (start, end))
    return inputs[0][(slice(None),) * axis + (slice(start, end),)]


def reshape_by_sizes(x, _, *, shape):
    return x.reshape([size_of(formula, [x.shape]) for formula in shape])


def pixel_shuffle(x, _, *, size):
    return channels_last(F.pixel_shuffle(channels_first(x), size))


def depth_concat(*arguments):
    """Torch's nn.DepthConcat: each map is copied to the middle of zeros."""
    *maps, _ = arguments
    height, width = (max(x.shape[axis] for x in maps) for axis in (1, 2))
    outputs = np.zeros((maps[0].shape[0], height, width, sum(x.shape[3] for x in maps)))
    channel = 0
    for x in maps:
        top, left = (height - x.shape[1]) // 2, (width - x.shape[2]) // 2
        part = outputs[:, top : top + x.shape[1], left : left + x.shape[2]]
        part[..., channel : channel + x.shape[3]] = x
        channel += x.shape[3]
    return outputs


def vgg_preprocessing(x, _):
    return keras.applications.vgg19.preprocess_input(x * 255.0)


def vgg_postprocessing(x, _):
    """The inverse of Keras' own preprocessing, found from where it sends black and white."""
    black = vgg_preprocessing(np.zeros((1, 1, 1, 3)), None)
    white = vgg_preprocessing(np.ones((1, 1, 1, 3)), None)
    return ((x - black) / (white - black))[..., ::-1]


def dilated_max_pooling(x, _, *, pool_size, strides=None, padding=0, dilation_rate=1, ceil_mode=False):
    pooled = F.max_pool2d(channels_first(x), pool_size, strides, padding, dilation_rate, ceil_mode=ceil_mode)
    return channels_last(pooled)


def adaptive_pooling(x, _, *, output_size, mode):
    pool = F.adaptive_max_pool2d if mode == "max" else F.adaptive_avg_pool2d
    return channels_last(pool(channels_first(x), output_size))


def batch_statistics(x, weights, *, epsilon=1e-5, center=True, scale=True):
    weights = [torch.tensor(w) for w in weights]
    gamma = weights.pop(0) if scale else None
    beta = weights.pop(0) if center else None
    return channels_last(F.batch_norm(channels_first(x), None, None, gamma, beta, training=True, eps=epsilon))


def largest_in_order(x, _, *, k):
    places = np.sort(np.argsort(-x, axis=1, kind="stable")[:, :k], axis=1)
    return np.take_along_axis(x, places, axis=1)


def local_convolution(x, weights, *, filters, kernel_size, output_size, strides=1, use_bias=True):
    height, width = kernel_size
    patches = F.unfold(channels_first(x), kernel_size, stride=strides)  # channels outermost
    patches = patches.reshape(len(x), x.shape[3], height * width, *output_size).permute(0, 3, 4, 2, 1)
    result = np.einsum("nhwkc,hwkcf->nhwf", patches.numpy(), weights[0].reshape(*output_size, -1, x.shape[3], filters))
    return result + weights[1] if use_bias else result


def fold(x, _, *, axes):
    return x.reshape(-1, *x.shape[axes:])


def unfold(x, like, _, *, axes):
    return x.reshape(*like.shape[:axes], *x.shape[1:])
