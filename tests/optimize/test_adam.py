"""Adam, its enlarged state and the average, against PyTorch."""

import numpy as np
import pytest
import torch
from keras import ops
from torch.nn import functional

from optimize.adam import DECAYS, Adam, AdamState
from optimize.averaging import RunningAverage
from optimize.enlarging import enlarge_bicubic, enlarge_bilinear

pytestmark = pytest.mark.backends
SHAPE = (1, 9, 7, 3)


def torch_interpolate(values, size, mode):
    # In float32 PyTorch rounds the positions of pixels too.
    channels_first = torch.tensor(values, dtype=torch.float64).permute(0, 3, 1, 2)
    return functional.interpolate(channels_first, size, mode=mode).permute(0, 2, 3, 1).numpy().astype("float32")


@pytest.mark.parametrize("size", [(13, 10), (9, 7), (31, 20), (5, 6)])
def test_interpolation_agrees_with_pytorch(size):
    values = np.random.default_rng(0).standard_normal(SHAPE).astype("float32")
    for enlarge, mode in ((enlarge_bicubic, "bicubic"), (enlarge_bilinear, "bilinear")):
        found = enlarge(values, *size)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, torch_interpolate(values, size, mode), atol=2e-6)


def run(random, state, leaf, optimizer, steps):
    """Take steps along random gradients, here and in PyTorch; return the state."""
    adam = Adam(0.02)
    for _ in range(steps):
        gradient = (random.standard_normal(tuple(state.point.shape)) * random.choice([1e-3, 1.0])).astype("float32")
        state = adam.step(ops.convert_to_tensor(gradient), state)
        leaf.grad = torch.tensor(gradient)
        optimizer.step()
        with torch.no_grad():
            leaf.clamp_(0, 1)
    return state


def assert_same(state, leaf, optimizer):
    (expected,) = optimizer.state.values()
    np.testing.assert_allclose(ops.convert_to_numpy(state.point), leaf.detach().numpy(), atol=1e-5)
    for moment, name in ((state.first, "exp_avg"), (state.second, "exp_avg_sq")):
        np.testing.assert_allclose(ops.convert_to_numpy(moment), expected[name].numpy(), rtol=1e-4, atol=1e-6)


def test_steps_and_carried_state_agree_with_pytorch():
    random = np.random.default_rng(0)
    start = random.random(SHAPE, dtype="float32")
    leaf = torch.tensor(start, requires_grad=True)
    optimizer = torch.optim.Adam([leaf], lr=0.02, betas=DECAYS)
    state = run(random, AdamState.zeros(start), leaf, optimizer, 12)
    assert_same(state, leaf, optimizer)

    size = (13, 10)
    larger = torch.tensor(torch_interpolate(leaf.detach().numpy(), size, "bicubic")).clamp(0, 1).requires_grad_()
    carried = torch.optim.Adam([larger], lr=0.02, betas=DECAYS)
    kept = optimizer.state_dict()
    for name, mode in (("exp_avg", "bicubic"), ("exp_avg_sq", "bilinear")):
        kept["state"][0][name] = torch.tensor(torch_interpolate(kept["state"][0][name].numpy(), size, mode))
    kept["state"][0]["exp_avg_sq"].relu_()
    carried.load_state_dict(kept)
    state = state.enlarged(enlarge_bicubic(ops.convert_to_numpy(state.point), *size).clip(0, 1))
    assert_same(state, larger, carried)
    state = run(random, state, larger, carried, 5)
    assert_same(state, larger, carried)


def test_average_is_weighted_and_corrected():
    values = np.random.default_rng(0).random((5, 4)).astype("float32")
    average = RunningAverage.of(ops.convert_to_tensor(values[0]), 0.9)
    np.testing.assert_allclose(ops.convert_to_numpy(average.value()), values[0], rtol=1e-6)
    for value in values[1:]:
        average = average.updated(ops.convert_to_tensor(value), 0.9)
    weights = 0.9 ** np.arange(5)[::-1]
    np.testing.assert_allclose(ops.convert_to_numpy(average.value()), weights @ values / weights.sum(), rtol=1e-5)


def test_without_bounds_nothing_is_clipped():
    state = Adam(0.5, bounds=None).step(ops.ones((1, 2, 2, 3)), AdamState.zeros(np.zeros((1, 2, 2, 3))))
    np.testing.assert_allclose(ops.convert_to_numpy(state.point), -0.5, rtol=1e-5)
