"""Where a descriptor's positions lie, against where its gradients reach."""

import numpy as np
import pytest
from keras import ops

from describe.positions import Positions, layer_positions, octave_positions, receptive_field
from losses.pyramid import gaussian_pyramid
from model.vgg19 import vgg19
from optimize.value_and_grad import compile_value_and_grad

pytestmark = pytest.mark.backends
SIZES = (61, 90)
LAYERS = ("relu1_1", "pool1", "relu2_1", "pool2", "relu3_1")


def descriptor(mode):
    """Positive weights all along: every pixel that a position sees adds to it."""
    random = np.random.default_rng(0)
    model = vgg19(LAYERS, pooling="average", padding=mode)
    for layer in model.layers:
        if layer.weights:
            kernel = random.uniform(0.5, 1.5, layer.kernel.shape) / np.prod(layer.kernel.shape[:3])
            layer.set_weights([kernel, np.zeros(layer.bias.shape)])
    return model


def reached(function, shape):
    """Return the gradient of a scalar function of pictures, summed over columns and channels: by rows."""
    gradient = compile_value_and_grad(lambda images: (function(images), {}))(np.full(shape, 0.9, "float32")).gradient
    return np.abs(ops.convert_to_numpy(gradient)).sum(axis=(0, 2, 3))


@pytest.mark.parametrize("mode", ["valid", "same"])
def test_layers_lie_where_their_gradients_reach(mode):
    model = descriptor(mode)
    for layer in LAYERS:
        features = model(np.zeros((1, *SIZES, 3), "float32"))[layer]
        positions = layer_positions(layer, mode, Positions(0.0, 1.0, SIZES[0]))
        assert positions.count == features.shape[1]
        assert layer_positions(layer, mode, Positions(0.0, 1.0, SIZES[1])).count == features.shape[2]
        row = positions.count // 2
        rows = reached(lambda x, layer=layer, row=row: ops.sum(model(x)[layer][:, row]), (1, *SIZES, 3))
        seen = np.flatnonzero(rows > 1e-9)
        assert (seen[0] + seen[-1]) / 2 == positions.first + row * positions.step
        assert len(seen) == receptive_field(layer)


@pytest.mark.parametrize("mode", ["valid", "replicate"])
def test_octaves_lie_where_their_gradients_reach(mode):
    shape = (1, *SIZES, 3)
    for octave in (1, 2):
        positions = octave_positions(SIZES[0], octave, mode)
        level = gaussian_pyramid(ops.zeros(shape), octave + 1, (mode, mode))[octave]
        assert positions.count == level.shape[1]

        def middle(x, octave=octave, row=positions.count // 2):
            return ops.sum(gaussian_pyramid(x, octave + 1, (mode, mode))[octave][:, row])

        rows = reached(middle, shape)
        center = np.sum(rows * np.arange(SIZES[0])) / rows.sum()
        assert center == pytest.approx(positions.first + positions.count // 2 * positions.step, abs=1e-3)
