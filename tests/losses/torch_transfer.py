"""The losses of style transfer in plain PyTorch, written the way the original program works; channels first."""

import torch
from torch.nn import functional


def moments(features):
    """Return mean (channels,) and second raw moment of features (1, channels, height, width)."""
    flat = features[0].flatten(1)
    return flat.mean(1), flat @ flat.T / flat.shape[1]


class Root(torch.autograd.Function):
    """Matrix square root by 12 Newton-Schulz iterations, its gradient by 12 of the Lyapunov equation."""

    @staticmethod
    def forward(context, matrix):
        norm = matrix.norm()
        identity = torch.eye(len(matrix), dtype=matrix.dtype)
        y, z = matrix / norm, identity
        for _ in range(12):
            t = (3 * identity - z @ y) / 2
            y, z = y @ t, t @ z
        root = y * norm.sqrt()
        context.save_for_backward(root)
        return root

    @staticmethod
    def backward(context, gradient):
        (root,) = context.saved_tensors
        norm = root.norm()
        a, q = root / norm, gradient / norm
        for _ in range(12):
            e = 3 * torch.eye(len(a), dtype=a.dtype) - a @ a
            q = (q @ e - a.T @ (a.T @ q - q @ a)) / 2
            a = a @ e / 2
        return q / 2


def wasserstein(target):
    """Return the function from features to the squared Wasserstein-2 distance to `target`, moments."""

    def covariance(mean, second):
        return second - mean[:, None] * mean + 1e-4 * torch.eye(len(mean), dtype=mean.dtype)

    target_mean, target_covariance = target[0], covariance(*target)
    root = Root.apply(target_covariance)

    def loss(features):
        mean, second = moments(features)
        own = covariance(mean, second)
        joint = Root.apply(root @ own @ root)
        return (mean - target_mean).square().mean() + (target_covariance + own - 2 * joint).diagonal().mean()

    return loss


def scaled_gram(target):
    def loss(features):
        difference = moments(features)[1] - target[1]
        return difference.square().sum() / (difference.abs().sum() + 1e-8)

    return loss


def total_variation(images):
    padded = functional.pad(images, (1, 1, 1, 1), "replicate")
    inside, mean_square = padded[..., 1:-1, 1:-1], lambda x: x.square().mean()
    return 2 * (
        mean_square(padded[..., 1:-1, 2:] - inside) / 3
        + mean_square(padded[..., 2:, 1:-1] - inside) / 3
        + mean_square(padded[..., 1:, 1:] - padded[..., :-1, :-1]) / 12
        + mean_square(padded[..., 1:, :-1] - padded[..., :-1, 1:]) / 12
    )
