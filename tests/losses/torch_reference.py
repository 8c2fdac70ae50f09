"""The losses once more, in plain PyTorch and float64, with no code of the project."""

import numpy as np
import torch
from keras import ops
from torch.nn import functional

KERNEL = torch.tensor([0.05, 0.25, 0.4, 0.25, 0.05], dtype=torch.float64)


def value_and_gradient(loss, point):
    """Return the loss of (batch, height, width, channels) and its gradient; `loss` sees channels first."""
    leaf = torch.tensor(point, dtype=torch.float64, requires_grad=True)
    value = loss(leaf.permute(0, 3, 1, 2))
    value.backward()
    return value.item(), leaf.grad.numpy()


def gram(x):
    flat = x.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def relative_gram_loss(x, target):
    target = torch.tensor(target, dtype=torch.float64)
    return ((gram(x) - target).square().sum((1, 2)) / target.square().sum()).mean()


def halve(x, mode=None):
    """Blur and take every second pixel; `mode` as torch pads (replicate, circular), None without padding."""
    if mode:
        x = functional.pad(x, (2, 2, 2, 2), mode)
    channels = x.shape[1]
    kernel = torch.outer(KERNEL, KERNEL).expand(channels, 1, 5, 5)
    return functional.conv2d(x, kernel, stride=2, groups=channels)


def double(x, height, width, mode):
    """Interpolate by transposed convolution with twice the kernel in each direction."""
    channels = x.shape[1]
    x = functional.pad(x, (1, 1, 1, 1), mode)
    kernel = 4 * torch.outer(KERNEL, KERNEL).expand(channels, 1, 5, 5)
    doubled = functional.conv_transpose2d(x, kernel, stride=2, groups=channels)
    return doubled[:, :, 4 : 4 + height, 4 : 4 + width]


def frame_distances(first, second, distance, octaves, mode="replicate"):
    difference, result = first - second, []
    for _ in range(octaves):
        smaller = halve(difference, mode)
        if distance == "l2":
            result.append(difference.square().mean((1, 2, 3)).sqrt())
        else:
            band = difference - double(smaller, *difference.shape[2:], mode)
            result.append(band.abs().mean((1, 2, 3)))
        difference = smaller
    if distance == "l2":
        return result
    result.append(difference.abs().mean((1, 2, 3)))
    return [sum(2.0 ** (1 - i) * value for i, value in enumerate(result))]


def inter_frame_loss(frames, targets, distance, octaves, steps, mode="replicate"):
    total = 0
    for step in range(1, steps + 1):
        other = torch.cat([frames[step:], frames[:step]])
        for value, target in zip(frame_distances(frames, other, distance, octaves, mode), targets, strict=True):
            total = total + (value / target - step).square().mean()
    return total


def total_variation(x):
    padded = functional.pad(x, (1, 1, 1, 1), "replicate")
    inside = padded[..., 1:-1, 1:-1]
    return 2 * (
        (padded[..., 1:-1, 2:] - inside).square().mean() / 3
        + (padded[..., 2:, 1:-1] - inside).square().mean() / 3
        + (padded[..., 1:, 1:] - padded[..., :-1, :-1]).square().mean() / 12
        + (padded[..., 1:, :-1] - padded[..., :-1, 1:]).square().mean() / 12
    )


def assert_agrees(evaluation, expected, tolerance=1e-4):
    """Assert that a loss and its gradient are the expected ones, relative to their size."""
    value, gradient = expected
    assert abs(float(ops.convert_to_numpy(evaluation.loss)) - value) <= tolerance * abs(value)
    found = ops.convert_to_numpy(evaluation.gradient)
    assert np.abs(found - gradient).max() <= tolerance * np.abs(gradient).max()
