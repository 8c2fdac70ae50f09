"""The training objective, term by term, against PyTorch and NumPy."""

import keras
import numpy as np
import pytest
import torch
from keras import ops

from losses.content import absolute_content_distance, relative_content_distance
from losses.diversity import diversity_loss
from losses.perceptual import PerceptualLoss, PerceptualWeights
from losses.texture import AbsoluteGramComparison, GramComparison

pytestmark = pytest.mark.backends

RANDOM = np.random.default_rng(5)
FEATURES, TARGET = RANDOM.normal(size=(2, 2, 6, 5, 4)).astype("float32")


def number(tensor):
    return float(ops.convert_to_numpy(tensor))


def torch_gram(features):
    """Torch7's texture networks: the Gram matrix of each picture over its number of activations."""
    batch, height, width, channels = features.shape
    flat = torch.tensor(features).permute(0, 3, 1, 2).reshape(batch, channels, height * width)
    return torch.bmm(flat, flat.transpose(1, 2)) / (channels * height * width)


def test_absolute_style_is_torch_mse_of_gram_matrices_over_activations():
    source = TARGET[:1]
    expected = float(torch.nn.functional.mse_loss(torch_gram(FEATURES), torch_gram(source).expand(2, -1, -1)))
    gram = 4 * torch_gram(source)[0].numpy()  # over positions alone, as gram_matrix gives it
    assert number(AbsoluteGramComparison(gram)(ops.convert_to_tensor(FEATURES))) == pytest.approx(expected, rel=1e-5)


def test_absolute_content_is_torch_mse():
    expected = float(torch.nn.functional.mse_loss(torch.tensor(FEATURES), torch.tensor(TARGET)))
    assert number(absolute_content_distance(FEATURES, TARGET)) == pytest.approx(expected, rel=1e-5)


def test_relative_content_is_the_mean_of_each_pictures_own_ratio():
    ratios = [np.sum((f - t) ** 2) / np.sum(t**2) for f, t in zip(FEATURES, TARGET, strict=True)]
    assert number(relative_content_distance(FEATURES, TARGET)) == pytest.approx(np.mean(ratios), rel=1e-5)
    assert number(relative_content_distance(0 * FEATURES, TARGET)) == pytest.approx(1)
    assert np.isfinite(number(relative_content_distance(FEATURES, 0 * TARGET)))


def test_relative_terms_do_not_depend_on_the_size_of_activations():
    gram = 4 * torch_gram(TARGET[:1])[0].numpy()
    losses = [
        (
            number(GramComparison(gram * factor**2)(ops.convert_to_tensor(FEATURES * factor))),
            number(relative_content_distance(FEATURES * factor, TARGET * factor)),
        )
        for factor in (1.0, 50.0)
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_diversity_is_the_mean_log_distance_of_nearest_neighbours():
    pictures = RANDOM.random((3, 8, 8, 3), dtype=np.float32)
    distances = np.sqrt(((pictures[:, None] - pictures[None]) ** 2).mean(axis=(2, 3, 4)))
    np.fill_diagonal(distances, np.inf)
    expected = -np.log(distances.min(axis=1)).mean()
    assert number(diversity_loss(ops.convert_to_tensor(pictures))) == pytest.approx(expected, rel=1e-4)
    same = np.repeat(pictures[:1], 3, axis=0)
    assert expected < number(diversity_loss(ops.convert_to_tensor(same))) < 10


def describe(images):
    """A stand-in for a descriptor: two layers that are plain functions of the pixels."""
    return {"a": images, "b": ops.square(images)}


def objective(**changes):
    style = RANDOM.random((1, 16, 16, 3), dtype=np.float32)
    grams = {name: 3 * torch_gram(np.asarray(x))[0].numpy() for name, x in {"a": style, "b": style**2}.items()}
    options = {
        "style_targets": [grams, grams],
        "layer_weights": {"a": 2.0, "b": 0.5},
        "style_variation": 0.25,
        "weights": PerceptualWeights(style=3, content=5, total_variation=0.5, octave_decay=0.5),
    }
    return PerceptualLoss(describe, lambda images: {"b": ops.square(images)}, **{**options, **changes})


def test_weights_layers_and_octaves_multiply():
    photos, pictures = RANDOM.random((2, 1, 16, 16, 3), dtype=np.float32)
    loss = objective()
    terms = loss.terms(ops.convert_to_tensor(pictures), loss.content_targets(ops.convert_to_tensor(photos)))
    assert tuple(terms) == loss.term_names == ("style", "content", "total_variation")

    single = {}
    for name, octaves in {"one": loss.style[:1], "two": loss.style}.items():
        part = objective()
        part.style = octaves
        content = part.content_targets(ops.convert_to_tensor(photos))
        single[name] = {k: number(v) for k, v in part.terms(ops.convert_to_tensor(pictures), content).items()}
    comparisons = loss.style[0]
    style = 2 * number(comparisons["a"](ops.convert_to_tensor(pictures)))
    style += 0.5 * number(comparisons["b"](ops.convert_to_tensor(pictures**2)))
    assert single["one"]["style"] == pytest.approx(3 * style, rel=1e-5)
    content = np.sum((pictures**2 - photos**2) ** 2) / np.sum(photos**4)
    assert single["one"]["content"] == pytest.approx(5 * content, rel=1e-5)

    for name in ("style", "content"):
        second = objective(weights=PerceptualWeights(style=3, content=5, octave_decay=1.0))
        second.style = loss.style
        content = second.content_targets(ops.convert_to_tensor(photos))
        whole = number(second.terms(ops.convert_to_tensor(pictures), content)[name])
        assert single["two"][name] == pytest.approx((single["one"][name] + whole) / 2, rel=1e-4)


def test_total_variation_is_relative_to_the_style_picture_or_a_sum_in_255():
    pictures = ops.convert_to_tensor(RANDOM.random((2, 8, 8, 3), dtype=np.float32))
    weights = PerceptualWeights(style=0, content=0, total_variation=1)
    relative, absolute = (
        number(objective(scaling=scaling, weights=weights).terms(pictures)["total_variation"])
        for scaling in ("relative", "absolute")
    )
    assert absolute / relative == pytest.approx(0.25 * 255**2 * 8 * 8 * 3, rel=1e-5)


def test_content_target_is_a_constant_for_the_gradient():
    weights = PerceptualWeights(style=0, content=1)
    loss = objective(weights=weights)
    photo = keras.Variable(RANDOM.random((1, 16, 16, 3), dtype=np.float32))
    targets = loss.content_targets(photo)
    if keras.backend.backend() == "torch":
        assert not any(value.requires_grad for octave in targets for value in octave.values())
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = tf.reduce_sum(loss.content_targets(photo.value)[0]["b"])
        assert tape.gradient(value, photo.value) is None
    else:
        import jax

        gradient = jax.grad(lambda x: loss.content_targets(x)[0]["b"].sum())(photo.value)
        assert not np.asarray(gradient).any()
