"""The layers of FlowNet and DispNet, and what the kernels of FlowNet 2's Caffe make of them, written out in NumPy."""

from __future__ import annotations

import math

import numpy as np

from support.caffe_layers import Layer, X


def correlated(*, pad, radius, kernel=1, stride=1, step=1, columns=None, difference=False, one_row=False):
    """Caffe's Correlation; with `one_row` its Correlation1D, with `columns` that one's shifts to one side."""

    def expected(first, second):
        more = 2 * radius + step  # zeros beyond the padding, that shifts to one side alone reach
        rows = 0 if one_row else pad
        first = np.pad(first, ((0, 0), (0, 0), (rows, rows), (pad, pad)))
        second = np.pad(second, ((0, 0), (0, 0), (rows + more,) * 2, (pad + more,) * 2))
        edge = kernel // 2 * 2
        top = 0 if one_row else radius
        height = math.ceil((first.shape[2] - 2 * top - edge) / stride)
        width = math.ceil((first.shape[3] - 2 * radius - edge) / stride)
        reach = range(-(radius // step), radius // step + 1)
        shifts = [(p, o) for p in ([0] if one_row else reach) for o in (columns or reach)]
        result = np.zeros((len(first), len(shifts), height, width))
        for channel, (p, o) in enumerate(shifts):
            for i in range(height):
                for j in range(width):
                    y, x = i * stride + top, j * stride + radius
                    a = first[:, :, y : y + kernel, x : x + kernel]
                    y, x = y + p * step + more, x + o * step + more
                    b = second[:, :, y : y + kernel, x : x + kernel]
                    both = np.abs(a - b) if difference else a * b
                    result[:, channel, i, j] = both.mean(axis=(1, 2, 3))
        return result

    return expected


def warped(pictures, flows):
    """Caffe's FlowWarp."""
    result, (height, width) = np.zeros_like(pictures), pictures.shape[2:]
    for n, i, j in np.ndindex(len(pictures), height, width):
        x, y = j + flows[n, 0, i, j], i + flows[n, 1, i, j]
        if not (0 <= x < width and 0 <= y < height):
            continue
        left, top = int(x), int(y)
        right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
        above = (1 - x + left) * pictures[n, :, top, left] + (x - left) * pictures[n, :, top, right]
        below = (1 - x + left) * pictures[n, :, bottom, left] + (x - left) * pictures[n, :, bottom, right]
        result[n, :, i, j] = (1 - y + top) * above + (y - top) * below
    return result


def triangle(x):
    return max(0.0, 1 - abs(x))


def catmull_rom(x):
    x = abs(x)
    if x <= 1:
        return x * x * (1.5 * x - 2.5) + 1
    return x * (x * (-0.5 * x + 2.5) - 4) + 2 if x < 2 else 0.0


def resampled(height, width, *, kernel=triangle, antialias=True):
    """Caffe's Resample, of types LINEAR and CUBIC."""

    def expected(x, _like=None):
        rows, columns = x.shape[2:]
        down, across = rows / height, columns / width
        wider = antialias and max(down, across) > 1
        result = np.zeros((*x.shape[:2], height, width))
        for i, j in np.ndindex(height, width):
            row, column = i * down + across / 2 - 0.5, j * across + down / 2 - 0.5
            weights = np.outer(
                [kernel((row - k) / (down if wider else 1)) for k in range(rows)],
                [kernel((column - k) / (across if wider else 1)) for k in range(columns)],
            )
            result[:, :, i, j] = (x * weights).sum(axis=(2, 3)) / weights.sum()
        return result

    return expected


SIDE = {"pad": 3, "radius": 3, "one_row": True}
OPTICAL_FLOW = [
    Layer("correlation", "Correlation", "correlation_param { pad: 2 kernel_size: 1 max_displacement: 2 }", [X, X],
          correlated(pad=2, radius=2)),
    Layer("correlation_windows", "Correlation", "correlation_param { pad: 3 kernel_size: 3 max_displacement: 3 "
          "stride_1: 2 stride_2: 2 }", [X, X], correlated(pad=3, radius=3, kernel=3, stride=2, step=2)),
    Layer("correlation_difference", "Correlation", "correlation_param { pad: 1 kernel_size: 1 max_displacement: 2 "
          "stride_1: 2 correlation_type: SUBTRACT }", [X, X],
          correlated(pad=1, radius=2, stride=2, difference=True)),
    Layer("correlation_of_rows", "Correlation1D", "correlation_param { pad: 3 kernel_size: 1 max_displacement: 3 "
          "stride_2: 2 }", [X, X], correlated(step=2, **SIDE)),
    Layer("correlation_to_the_left", "Correlation1D", "correlation_param { pad: 3 kernel_size: 1 max_displacement: 3 "
          "single_direction: -1 }", [X, X], correlated(columns=range(-4, 0), **SIDE)),
    Layer("correlation_to_the_right", "Correlation1D", "correlation_param { pad: 3 kernel_size: 3 max_displacement: 3 "
          "single_direction: 1 }", [X, X], correlated(kernel=3, columns=range(4), **SIDE)),
    Layer("flow_warp", "FlowWarp", "flow_warp_param { fill_value: ZERO }", [X, (2, 2, 5, 6)], warped),
    Layer("channel_norm", "ChannelNorm", "", X, lambda x: np.sqrt((x * x).sum(axis=1, keepdims=True))),
    Layer("resample", "Resample", "resample_param { height: 20 width: 24 }", X, resampled(20, 24)),
    Layer("resample_smaller", "Resample", "resample_param { height: 3 width: 4 }", X, resampled(3, 4)),
    Layer("resample_cubic", "Resample", "resample_param { height: 3 width: 9 type: CUBIC antialias: false }", X,
          resampled(3, 9, kernel=catmull_rom, antialias=False)),
    Layer("resample_like", "Resample", "", [X, (2, 1, 10, 12)], resampled(10, 12)),
    Layer("resample_nearest", "Resample", "resample_param { height: 20 width: 24 type: NEAREST }", X,
          lambda x: x.repeat(4, axis=2).repeat(4, axis=3)),
]  # fmt: skip
