"""Smooth test problems, for keras.ops and for PyTorch."""

import numpy as np
import torch
from keras import ops


class Wavy:
    """A badly scaled quadratic with waves and Rosenbrock's valleys, in any number of dimensions."""

    def __init__(self, size, seed=0):
        rng = np.random.default_rng(seed)
        self.start = rng.random(size, dtype="float32")
        self.weights = np.exp(rng.uniform(-3, 3, size)).astype("float32")
        self.center = rng.uniform(-0.2, 1.2, size).astype("float32")

    def terms(self, x, weights, center, library):
        return {
            "bowl": library.mean(weights * (x - center) ** 2),
            "waves": 1.0 + library.mean(library.sin(3 * x) * library.roll(x, 1, 0)),
            "valley": 10 * library.mean((x[1:] - x[:-1] ** 2) ** 2),
        }

    def __call__(self, x):
        weights, center = (ops.convert_to_tensor(a, dtype=x.dtype) for a in (self.weights, self.center))
        terms = self.terms(x, weights, center, ops)
        return sum(terms.values()), terms

    def torch_loss(self, x):
        weights, center = (torch.tensor(array, dtype=x.dtype) for array in (self.weights, self.center))
        return sum(self.terms(x, weights, center, torch).values())


class Texture:
    """Gram matrices of one layer of random filters against those of another picture: high-dimensional, no VGG."""

    def __init__(self, size):
        rng = np.random.default_rng(1)
        self.kernel = rng.standard_normal((5, 5, 3, 12)) / 5
        self.start = rng.random((1, size, size, 3), dtype="float32")
        stripes = np.sin(np.arange(size) / 2)[None, :, None, None] * np.cos(np.arange(size) / 3)[None, None, :, None]
        source = 0.5 + 0.3 * stripes * np.array([1.0, 0.5, -0.5]) + 0.05 * rng.standard_normal((1, size, size, 3))
        self.target = self.torch_gram(torch.tensor(source)).numpy()

    def torch_gram(self, x):
        kernel = torch.tensor(self.kernel, dtype=x.dtype).permute(3, 2, 0, 1)
        flat = torch.sigmoid(torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), kernel)).flatten(2)[0]
        return flat @ flat.T / flat.shape[1]

    def torch_loss(self, x):
        target = torch.tensor(self.target, dtype=x.dtype)
        return (self.torch_gram(x) - target).square().sum() / target.square().sum()

    def __call__(self, x):
        kernel, target = (ops.convert_to_tensor(array, dtype=x.dtype) for array in (self.kernel, self.target))
        maps = ops.sigmoid(ops.conv(x, kernel, padding="valid", data_format="channels_last"))
        flat = ops.reshape(maps, (-1, maps.shape[-1]))
        gram = ops.matmul(ops.transpose(flat), flat) / flat.shape[0]
        loss = ops.sum(ops.square(gram - target)) / float(np.sum(self.target**2))
        return loss, {"gram": loss}
