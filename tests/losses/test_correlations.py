"""Correlations of maps with themselves against SciPy, and the losses that have them."""

import numpy as np
import pytest
import scipy.signal
import torch
from keras import ops

from losses.comparisons.correlations import CorrelationComparison, correlations
from losses.pictures.autocorrelation import Autocorrelation, joined_autocorrelation
from losses.pictures.opponent_colors import OpponentColors
from optimize.value_and_grad import compile_value_and_grad
from tests.losses import torch_reference

pytestmark = pytest.mark.backends


def maps(shape=(2, 9, 11, 3), seed=0):
    return np.random.default_rng(seed).random(shape).astype("float32")


def of_scipy(plane, reach):
    """Covariances of one plane without padding, float64 (2 * reach + 1, reach + 1)."""
    plane = plane.astype("float64") - plane.mean(dtype="float64")
    sums, counts = (scipy.signal.correlate2d(values, values) for values in (plane, np.ones_like(plane)))
    middle = [side - 1 for side in plane.shape]
    rows, columns = slice(middle[0] - reach, middle[0] + reach + 1), slice(middle[1], middle[1] + reach + 1)
    return sums[rows, columns] / counts[rows, columns]


def rolled(plane, dy, dx):
    plane = plane.astype("float64") - plane.mean(dtype="float64")
    return np.mean(plane * np.roll(plane, (-dy, -dx), axis=(0, 1)))


def in_torch(x, target, reach):
    """The loss of maps (batch, channels, height, width) by sums over every shift."""
    x = x - x.mean(dim=(2, 3), keepdim=True)
    height, width = x.shape[2:]
    found = [
        [(x[:, :, max(0, -dy) : height - max(0, dy), : width - dx]
          * x[:, :, max(0, dy) : height + min(0, dy), dx:]).mean(dim=(2, 3))
         for dx in range(reach + 1)]
        for dy in range(-reach, reach + 1)
    ]  # fmt: skip
    wanted = torch.tensor(target, dtype=x.dtype)
    difference = torch.stack([torch.stack(row, dim=1) for row in found], dim=1) - wanted
    return (difference.square().sum(dim=(1, 2)) / wanted.square().sum(dim=(0, 1))).mean()


def test_correlations_are_those_of_scipy():
    x = maps()
    found = ops.convert_to_numpy(correlations(ops.convert_to_tensor(x), 3))
    expected = [[of_scipy(picture[..., i], 3) for i in range(3)] for picture in x]
    np.testing.assert_allclose(found, np.moveaxis(expected, 1, -1), atol=1e-6)


def test_maps_that_repeat_are_shifted_around():
    x = maps((1, 8, 6, 1))
    found = ops.convert_to_numpy(correlations(ops.convert_to_tensor(x), 2, (True, True)))[0, ..., 0]
    expected = [[rolled(x[0, ..., 0], dy, dx) for dx in range(3)] for dy in range(-2, 3)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_loss_and_gradient_agree_with_pytorch():
    x, target = maps(), ops.convert_to_numpy(correlations(ops.convert_to_tensor(maps(seed=1)), 2))[0]
    comparison = CorrelationComparison(target)
    evaluation = compile_value_and_grad(lambda images: (comparison(images), {"term": comparison(images)}))(x)
    expected = torch_reference.value_and_gradient(lambda y: in_torch(y, target, 2), x)
    torch_reference.assert_agrees(evaluation, expected, 1e-4)


def test_a_picture_has_its_own_autocorrelation_and_one_of_more_contrast_another():
    source = maps((1, 20, 24, 3))[0]
    loss = OpponentColors(Autocorrelation(joined_autocorrelation([source, source], 4)))
    value, terms = loss(ops.convert_to_tensor(source[None]))
    assert float(ops.convert_to_numpy(value)) < 1e-9
    assert list(terms) == [""]
    (strong,) = loss.terms(ops.convert_to_tensor(1.5 * source[None])).values()
    assert float(ops.convert_to_numpy(strong)) == pytest.approx((1.5**2 - 1) ** 2, rel=1e-3)


def test_margins_do_not_count():
    source = maps((1, 20, 24, 3))
    loss = OpponentColors(Autocorrelation(joined_autocorrelation([source[0]], 2), margins=(3, 5)))
    around = np.pad(source, ((0, 0), (3, 3), (5, 5), (0, 0)), constant_values=7.0)
    assert float(ops.convert_to_numpy(loss(ops.convert_to_tensor(around))[0])) < 1e-9


def test_the_variance_is_that_of_luma_and_colour_differences():
    source = maps((1, 20, 24, 3))
    luma = source @ np.array([0.299, 0.587, 0.114])
    found = joined_autocorrelation(source, 1)[1, 0, 0]
    assert found == pytest.approx(luma.var(), rel=1e-4)


def test_the_tree_tells_the_reach():
    assert "up to 4 pixels" in str(Autocorrelation(np.ones((9, 5, 3))))
    assert "up to 2 positions" in str(CorrelationComparison(np.ones((5, 3, 8))))
