"""Gram losses against NumPy and PyTorch, values and gradients."""

import numpy as np
import pytest
import torch
from keras import ops

from errors import UserError
from losses.texture import GramComparison, GuidedGramComparison, guided_gram_matrix
from optimize.value_and_grad import compile_value_and_grad
from tests.losses import torch_reference

pytestmark = pytest.mark.backends


def features(shape=(2, 6, 5, 4), seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def reference_gram(x, weights=None):
    """Gram matrices of (height, width, channels) in float64, positions weighted."""
    flat = x.reshape(-1, x.shape[-1]).astype("float64")
    weights = np.ones(len(flat)) if weights is None else weights.reshape(-1)
    return np.einsum("p,pi,pj->ij", weights, flat, flat) / weights.sum()


def named(comparison):
    return lambda x: (comparison(x), {"term": comparison(x)})


def test_gram_comparison_is_the_relative_squared_distance():
    x, source = features(), features((1, 9, 7, 4), seed=1)
    target = reference_gram(source[0])
    expected = np.mean([np.sum((reference_gram(p) - target) ** 2) / np.sum(target**2) for p in x])
    np.testing.assert_allclose(
        ops.convert_to_numpy(GramComparison(target)(ops.convert_to_tensor(x))), expected, rtol=1e-5
    )


def test_gram_comparison_and_gradient_agree_with_pytorch():
    x, target = features(), reference_gram(features((1, 9, 7, 4), seed=1)[0])
    evaluation = compile_value_and_grad(named(GramComparison(target)))(x)
    expected = torch_reference.value_and_gradient(lambda y: torch_reference.relative_gram_loss(y, target), x)
    torch_reference.assert_agrees(evaluation, expected, 1e-5)


def test_guided_comparison_and_gradient_agree_with_pytorch():
    x, target = features(), reference_gram(features((1, 9, 7, 4), seed=1)[0])
    guides = [np.linspace(0, 1, 30).reshape(6, 5), np.eye(6, 5)]

    def reference(y):
        roots = [torch.tensor(np.sqrt(guide / guide.mean())) for guide in guides]
        losses = [torch_reference.relative_gram_loss(y * root, target) for root in roots]
        return sum(losses) / 2

    evaluation = compile_value_and_grad(named(GuidedGramComparison([target, target], guides)))(x)
    torch_reference.assert_agrees(evaluation, torch_reference.value_and_gradient(reference, x), 1e-5)


def test_the_target_itself_costs_nothing_and_black_costs_one():
    x = features((1, 6, 5, 4))
    comparison = GramComparison(reference_gram(x[0]))
    assert float(ops.convert_to_numpy(comparison(ops.convert_to_tensor(x)))) <= 1e-12
    assert float(ops.convert_to_numpy(comparison(ops.zeros((1, 6, 5, 4))))) == pytest.approx(1.0)


def test_half_precision_is_summed_in_float32():
    x = np.abs(features((1, 64, 64, 4)))
    half = ops.cast(x, "bfloat16")
    comparison = GramComparison(reference_gram(ops.convert_to_numpy(ops.cast(half, "float32"))[0]))
    # Sums of 4096 numbers in bfloat16 would be wrong in the second digit.
    assert float(ops.convert_to_numpy(ops.cast(comparison(half), "float32"))) <= 1e-10


def test_guided_gram_matrix_weighs_positions():
    x, guide = features(), np.random.default_rng(2).random((6, 5))
    result = ops.convert_to_numpy(guided_gram_matrix(ops.convert_to_tensor(x), guide))
    for matrix, picture in zip(result, x, strict=True):
        np.testing.assert_allclose(matrix, reference_gram(picture, guide), rtol=1e-5, atol=1e-6)
    whole = ops.convert_to_numpy(guided_gram_matrix(ops.convert_to_tensor(x), np.ones((6, 5))))
    np.testing.assert_allclose(whole, [reference_gram(picture) for picture in x], rtol=1e-5, atol=1e-6)


def test_regions_do_not_see_each_other():
    x, left = features((1, 6, 6, 4)), np.repeat([[1, 1, 1, 0, 0, 0]], 6, axis=0)
    targets = [reference_gram(x[0, :, :3]), reference_gram(x[0, :, 3:])]
    comparison = GuidedGramComparison(targets, [left, 1 - left])
    assert float(ops.convert_to_numpy(comparison(ops.convert_to_tensor(x)))) <= 1e-12
    changed = x.copy()
    changed[:, :, 4] += 1
    expected = np.sum((reference_gram(changed[0, :, 3:]) - targets[1]) ** 2) / np.sum(targets[1] ** 2) / 2
    np.testing.assert_allclose(ops.convert_to_numpy(comparison(ops.convert_to_tensor(changed))), expected, rtol=1e-5)


def test_regions_may_have_weights():
    x, left = features((1, 6, 6, 4)), np.repeat([[1, 1, 1, 0, 0, 0]], 6, axis=0)
    target = reference_gram(features((1, 9, 7, 4), seed=1)[0])
    halves = [np.sum((reference_gram(half) - target) ** 2) / np.sum(target**2) for half in (x[0, :, :3], x[0, :, 3:])]
    found = GuidedGramComparison([target, target], [left, 1 - left], weights=[3, 1])(ops.convert_to_tensor(x))
    np.testing.assert_allclose(ops.convert_to_numpy(found), (3 * halves[0] + halves[1]) / 4, rtol=1e-5)


@pytest.mark.parametrize(("value", "told"), [(0, "all features are 0: check"), (np.nan, "squared norm nan")])
def test_a_target_that_nothing_can_be_measured_by_is_refused(value, told):
    target = np.full((3, 3), value)
    with pytest.raises(UserError, match=told):
        GramComparison(target)


def test_an_empty_region_is_refused():
    with pytest.raises(ValueError, match="no positions"):
        guided_gram_matrix(ops.ones((1, 4, 4, 2)), np.zeros((4, 4)))
