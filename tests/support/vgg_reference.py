"""VGG-19 in plain PyTorch, from the weights file, with no code of the project."""

import h5py
import numpy as np
import torch
from torch.nn import functional

WEIGHTS = "vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
BLOCKS = (2, 2, 4, 4, 4)
MEAN = (103.939, 116.779, 123.68)


def read_weights(path):
    """Return {"conv1_1": (kernel (height, width, in, out), bias (out,)), ...}."""
    weights = {}
    with h5py.File(path, "r") as file:
        for block, convolutions in enumerate(BLOCKS, start=1):
            for i in range(1, convolutions + 1):
                group = file[f"block{block}_conv{i}"]
                arrays = sorted((np.asarray(d) for d in group.values()), key=np.ndim)
                weights[f"conv{block}_{i}"] = (arrays[1], arrays[0])
    return weights


def preprocess(image):
    """Return RGB (height, width, 3) in [0, 1] as BGR (1, 3, height, width) in 0..255 minus the mean pixel."""
    bgr = torch.tensor(image[..., ::-1].copy()).permute(2, 0, 1) * 255
    return (bgr - torch.tensor(MEAN)[:, None, None])[None]


def activations(weights, image, *, pooling="max", padding="same", until="pool5"):
    """Return every layer's output (height, width, channels) for an RGB image in [0, 1], by layer name."""
    pool = {"max": functional.max_pool2d, "average": functional.avg_pool2d}[pooling]
    x, outputs = preprocess(image), {}
    with torch.no_grad():
        for block, convolutions in enumerate(BLOCKS, start=1):
            for i in range(1, convolutions + 1):
                kernel, bias = (torch.as_tensor(array) for array in weights[f"conv{block}_{i}"])
                x = functional.conv2d(x, kernel.permute(3, 2, 0, 1), bias, padding=padding)
                outputs[f"conv{block}_{i}"] = x
                x = functional.relu(x)
                outputs[f"relu{block}_{i}"] = x
            x = outputs[f"pool{block}"] = pool(x, 2)
            if until in outputs:
                break
    return {name: output[0].permute(1, 2, 0).contiguous().numpy() for name, output in outputs.items()}


def gram(features):
    """Return the Gram matrix of (height, width, channels) divided by the number of positions."""
    flat = torch.as_tensor(features).reshape(-1, features.shape[-1])
    return (flat.T @ flat / len(flat)).numpy()


def relative_difference(result, reference):
    """Return max |result - reference| / max |reference|; the shapes must be the same."""
    assert result.shape == reference.shape
    return np.abs(result - reference).max() / np.abs(reference).max()
