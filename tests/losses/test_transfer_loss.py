"""The objective of style transfer with VGG-19's weights: every term and the gradient against PyTorch."""

import numpy as np
import pytest
import torch
from keras import ops
from PIL import Image
from support import vgg_reference
from torch.nn import functional

from describe.moments import feature_moments
from losses.content import ContentComparison
from losses.distances.scaled_gram import ScaledGramDistance
from losses.distances.wasserstein import WassersteinDistance
from losses.features import FeatureLoss, FeatureTerm
from losses.loss import WeightedSum
from losses.style import Region, StyleComparison
from losses.total_variation import TotalVariation
from model.descriptor import build_descriptor
from optimize.value_and_grad import compile_value_and_grad
from tests.losses import torch_reference, torch_transfer

STYLE = {"relu1_1": 0.75, "relu2_1": 0.19, "relu3_1": 0.05, "relu4_1": 0.012, "relu5_1": 0.003}
CONTENT, CONTENT_WEIGHT, TV_WEIGHT = "relu4_2", 0.015, 2.0
SCALES = {"relu1_1": 0.02, "relu2_1": 0.004, "relu3_1": 0.004, "relu4_1": 0.001, "relu5_1": 0.01, "relu4_2": 0.002}
DISTANCES = {
    "wasserstein": (WassersteinDistance, torch_transfer.wasserstein),
    "gram": (ScaledGramDistance, torch_transfer.scaled_gram),
}
SIZE, STYLE_SIZE = (48, 64), (64, 56)


def picture(shared, name, size):
    image = Image.open(shared / "textures" / name).convert("RGB").resize(size[::-1], Image.Resampling.LANCZOS)
    return np.asarray(image, "float32")[np.newaxis] / 255


def torch_features(weights, images):
    """Return activations by layer in float64, from (1, 3, height, width) RGB in [0, 1]; conv1_1 repeats edges."""
    x, found = images.flip(1) * 255 - torch.tensor(vgg_reference.MEAN, dtype=torch.float64)[:, None, None], {}
    for block, convolutions in enumerate(vgg_reference.BLOCKS, start=1):
        for i in range(1, convolutions + 1):
            kernel, bias = (torch.tensor(array, dtype=torch.float64) for array in weights[f"conv{block}_{i}"])
            x = functional.pad(x, (1, 1, 1, 1), "replicate" if (block, i) == (1, 1) else "constant")
            x = functional.relu(functional.conv2d(x, kernel.permute(3, 2, 0, 1), bias))
            found[f"relu{block}_{i}"] = x * SCALES.get(f"relu{block}_{i}", 1.0)
            if f"relu{block}_{i}" == "relu5_1":
                return found
        x = functional.max_pool2d(x, 2)
    return found


# The roots of matrices take jax half a minute to compile here: tests of the distance alone run on every backend.
@pytest.mark.parametrize("kind", ["wasserstein", pytest.param("gram", marks=pytest.mark.backends)])
def test_terms_and_gradient_agree_with_pytorch(shared, kind):
    distance, torch_distance = DISTANCES[kind]
    content, style = picture(shared, "chicago.jpg", SIZE), picture(shared, "starry_night.jpg", STYLE_SIZE)
    image = np.clip(content + np.random.default_rng(0).normal(0, 0.2, content.shape), 0, 1).astype("float32")

    descriptor = build_descriptor([*STYLE, CONTENT], weights=shared / vgg_reference.WEIGHTS, padding="replicate")
    found = descriptor(style)
    target = ops.convert_to_numpy(descriptor(content)[CONTENT])
    terms = {f"content/{CONTENT}": FeatureTerm(CONTENT, ContentComparison(target, SCALES[CONTENT]), CONTENT_WEIGHT)}
    for layer, weight in STYLE.items():
        region = Region(distance(feature_moments(found[layer]).numpy().scaled(SCALES[layer])))
        terms[f"style/{layer}"] = FeatureTerm(layer, StyleComparison([region], SCALES[layer]), weight)
    parts = {"": (1.0, FeatureLoss(descriptor, terms)), "total_variation": (TV_WEIGHT, TotalVariation())}
    loss = WeightedSum(parts)
    evaluation = compile_value_and_grad(loss)(image, *loss.rows)

    weights = vgg_reference.read_weights(shared / vgg_reference.WEIGHTS)
    with torch.no_grad():
        to_torch = [torch.tensor(x, dtype=torch.float64).permute(0, 3, 1, 2) for x in (content, style)]
        torch_target, torch_style = (torch_features(weights, x) for x in to_torch)
        distances = {layer: torch_distance(torch_transfer.moments(torch_style[layer])) for layer in STYLE}
    expected = {}

    def reference(x):
        features = torch_features(weights, x)
        expected[f"content/{CONTENT}"] = CONTENT_WEIGHT * functional.mse_loss(features[CONTENT], torch_target[CONTENT])
        for layer, weight in STYLE.items():
            expected[f"style/{layer}"] = weight * distances[layer](features[layer])
        expected["total_variation"] = TV_WEIGHT * torch_transfer.total_variation(x)
        return sum(expected.values())

    torch_reference.assert_agrees(evaluation, torch_reference.value_and_gradient(reference, image), 1e-4)
    assert evaluation.terms.keys() == expected.keys()
    for name, value in evaluation.term_values().items():
        assert value == pytest.approx(expected[name].item(), rel=1e-4), name
