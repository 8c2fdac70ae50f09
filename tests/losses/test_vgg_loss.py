"""The last link of the chain weights, activations, Gram matrices, loss, gradient: VGG-19's texture loss in PyTorch."""

import numpy as np
import pytest
import torch
from keras import ops
from PIL import Image
from support import vgg_reference
from torch.nn import functional

from describe.gram import gram_matrix
from losses.features import FeatureLoss, FeatureTerm
from losses.octaves import OctaveLosses
from losses.pyramid import gaussian_pyramid
from losses.texture import GramComparison
from model.descriptor import build_descriptor
from optimize.value_and_grad import compile_value_and_grad
from tests.losses import torch_reference

pytestmark = pytest.mark.backends
LAYERS = ("conv1_1", "relu2_1", "pool2", "relu3_2")
SIZE = 80
OCTAVES = 2


@pytest.fixture(scope="module")
def weights_file(shared):
    return shared / vgg_reference.WEIGHTS


def texture_loss(weights_file, source):
    """This program's loss: Gram matrices of two octaves without padding."""
    descriptor = build_descriptor(
        LAYERS, weights=weights_file, pooling="average", rescale_pooling=False, padding="valid"
    )
    octaves = []
    for level in gaussian_pyramid(ops.convert_to_tensor(source), OCTAVES):
        grams = {name: ops.convert_to_numpy(gram_matrix(x))[0] for name, x in descriptor(level).items()}
        octaves.append(
            FeatureLoss(descriptor, {name: FeatureTerm(name, GramComparison(grams[name])) for name in LAYERS})
        )
    return OctaveLosses(octaves, ("valid", "valid"))


def torch_activations(weights, images):
    """The same in PyTorch and float64, from (batch, 3, height, width) RGB in [0, 1]."""
    mean = torch.tensor(vgg_reference.MEAN, dtype=torch.float64)[:, None, None]
    x, found = images.flip(1) * 255 - mean, {}
    for block, convolutions in enumerate(vgg_reference.BLOCKS[:3], start=1):
        for i in range(1, convolutions + 1):
            kernel, bias = (torch.tensor(array, dtype=torch.float64) for array in weights[f"conv{block}_{i}"])
            found[f"conv{block}_{i}"] = x = functional.conv2d(x, kernel.permute(3, 2, 0, 1), bias)
            found[f"relu{block}_{i}"] = x = functional.relu(x)
            if f"relu{block}_{i}" == LAYERS[-1]:
                return found
        found[f"pool{block}"] = x = functional.avg_pool2d(x, 2)
    return found


def test_loss_and_gradient_agree_with_pytorch(shared, weights_file):
    photo = Image.open(shared / "textures/pebbles.jpg").convert("RGB").resize((SIZE, SIZE))
    source = np.asarray(photo, dtype="float32")[np.newaxis] / 255
    image = np.random.default_rng(0).random((1, SIZE, SIZE, 3), dtype="float32")
    weights = vgg_reference.read_weights(weights_file)

    def levels(images):
        for octave in range(OCTAVES):
            yield torch_activations(weights, images)
            images = torch_reference.halve(images) if octave + 1 < OCTAVES else images

    with torch.no_grad():
        originals = torch.tensor(source, dtype=torch.float64).permute(0, 3, 1, 2)
        targets = [{name: torch_reference.gram(x[name])[0].numpy() for name in LAYERS} for x in levels(originals)]

    def reference(images):
        pairs = zip(levels(images), targets, strict=True)
        return sum(torch_reference.relative_gram_loss(x[name], grams[name]) for x, grams in pairs for name in LAYERS)

    loss = texture_loss(weights_file, source)
    for octave, expected in zip(loss.losses, targets, strict=True):
        for name, part in octave.parts.items():
            found = part.comparison.target
            assert vgg_reference.relative_difference(found, expected[name]) <= 1e-5, name
    evaluation = compile_value_and_grad(loss)(image)
    torch_reference.assert_agrees(evaluation, torch_reference.value_and_gradient(reference, image), 1e-4)
