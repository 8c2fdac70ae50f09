"""Losses add up, name their terms and print as a tree."""

import numpy as np
import pytest
import torch
from keras import ops

from describe.gram import gram_matrix
from losses.features import FeatureLoss, FeatureTerm
from losses.loss import Loss, Node, WeightedSum
from losses.octaves import OctaveLosses
from losses.pyramid import gaussian_pyramid
from losses.texture import GramComparison
from losses.total_variation import TotalVariation
from optimize.value_and_grad import compile_value_and_grad
from tests.losses import torch_reference

pytestmark = pytest.mark.backends


class Mean(Loss):
    def terms(self, images):
        return {"": ops.mean(images)}

    def tree(self):
        return Node("mean")


def picture(size=(13, 16), seed=0):
    return np.random.default_rng(seed).random((1, *size, 3), dtype="float32")


def descriptor(images):
    """Two layers of fixed features."""
    edges = ops.relu(images - ops.roll(images, 1, axis=2))
    return {"edges": edges, "pairs": images[..., :2] * ops.roll(images, 1, axis=1)[..., 1:]}


def gram_loss(source):
    features = descriptor(ops.convert_to_tensor(source))
    parts = {
        name: FeatureTerm(name, GramComparison(ops.convert_to_numpy(gram_matrix(features[name]))[0]), weight)
        for name, weight in (("edges", 1.0), ("pairs", 0.5))
    }
    return FeatureLoss(descriptor, parts)


def octave_losses():
    levels = gaussian_pyramid(ops.convert_to_tensor(picture((20, 20), seed=1)), 2)
    return OctaveLosses([gram_loss(level) for level in levels], ("valid", "valid"))


def test_the_sum_is_that_of_its_weighted_terms():
    x = picture()
    features = descriptor(ops.convert_to_tensor(x))
    texture = gram_loss(picture(seed=1))
    loss = WeightedSum({"texture": (2.0, texture), "brightness": (3.0, Mean())})
    total, terms = loss(ops.convert_to_tensor(x))
    values = {name: float(ops.convert_to_numpy(value)) for name, value in terms.items()}
    comparisons = {name: part.comparison(features[name]) for name, part in texture.parts.items()}
    expected = {
        "texture/edges": 2.0 * float(ops.convert_to_numpy(comparisons["edges"])),
        "texture/pairs": 2.0 * 0.5 * float(ops.convert_to_numpy(comparisons["pairs"])),
        "brightness": 3.0 * float(x.mean()),
    }
    assert list(values) == list(expected)
    assert values == pytest.approx(expected, rel=1e-5)
    assert float(ops.convert_to_numpy(total)) == pytest.approx(sum(expected.values()), rel=1e-5)


def test_octaves_are_the_levels_of_the_pyramid():
    loss, x = octave_losses(), picture((15, 18))
    _, terms = loss(ops.convert_to_tensor(x))
    assert list(terms) == ["octave0/edges", "octave0/pairs", "octave1/edges", "octave1/pairs"]
    second = gaussian_pyramid(ops.convert_to_tensor(x), 2)[1]
    alone = loss.losses[1].terms(second)
    for name, value in alone.items():
        np.testing.assert_allclose(
            ops.convert_to_numpy(terms[f"octave1/{name}"]), ops.convert_to_numpy(value), rtol=1e-5
        )


def test_loss_and_gradient_agree_with_pytorch():
    loss = WeightedSum({"texture": (2.0, octave_losses()), "roughness": (3.0, TotalVariation())})
    targets = [
        {name: part.comparison.target for name, part in octave.parts.items()}
        for octave in loss.parts["texture"][1].losses
    ]

    def reference(images):
        total, level = 3 * torch_reference.total_variation(images), images
        for octave in targets:
            edges = torch.relu(level - torch.roll(level, 1, dims=3))
            pairs = level[:, :2] * torch.roll(level, 1, dims=2)[:, 1:]
            total = total + 2 * torch_reference.relative_gram_loss(edges, octave["edges"])
            total = total + 2 * 0.5 * torch_reference.relative_gram_loss(pairs, octave["pairs"])
            level = torch_reference.halve(level)
        return total

    x = picture()
    torch_reference.assert_agrees(compile_value_and_grad(loss)(x), torch_reference.value_and_gradient(reference, x))


def test_losses_print_as_a_tree():
    loss = WeightedSum({"texture": (1.0, octave_losses()), "roughness": (0.25, TotalVariation())})
    assert str(loss).splitlines() == [
        "sum",
        "├── 1 x texture: octaves, padding valid and valid",
        "│   ├── octave0: features",
        "│   │   ├── 1 x edges: Gram matrix 3 x 3, relative to its target",
        "│   │   └── 0.5 x pairs: Gram matrix 2 x 2, relative to its target",
        "│   └── octave1: features",
        "│       ├── 1 x edges: Gram matrix 3 x 3, relative to its target",
        "│       └── 0.5 x pairs: Gram matrix 2 x 2, relative to its target",
        "└── 0.25 x roughness: mean squared difference of neighbours (nine points)",
    ]


def test_total_variation_is_the_nine_point_stencil_in_pytorch():
    x = picture((7, 9))
    expected = torch_reference.value_and_gradient(torch_reference.total_variation, x)
    torch_reference.assert_agrees(compile_value_and_grad(TotalVariation())(x), expected, 1e-5)
